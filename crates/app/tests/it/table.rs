//! Files of rows as programs write them, and as nobody should.

use std::cell::Cell;
use std::io::{self, Cursor, Read, Write};
use std::path::PathBuf;
use std::rc::Rc;

use proptest::prelude::*;
use rollcall_app::{HiddenCells, MAX_COLUMNS, MAX_ROW, Quote, Row, Table, TableError, TableOptions};
use rollcall_domain::Suggestion;
use rust_xlsxwriter::{ExcelDateTime, Format, Formula, Workbook};
use tempfile::TempDir;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

fn options() -> TableOptions {
    TableOptions::default()
}

fn named(encoding: &str) -> TableOptions {
    TableOptions { encoding: Some(encoding.to_owned()), ..options() }
}

fn read(bytes: impl Into<Vec<u8>>, options: &TableOptions) -> Table {
    Table::read(Cursor::new(bytes.into()), options).unwrap()
}

fn refusal(bytes: impl Into<Vec<u8>>, options: &TableOptions) -> String {
    Table::read(Cursor::new(bytes.into()), options).err().unwrap().to_string()
}

fn rows(table: &mut Table) -> Vec<Row> {
    table.collect::<Result<_, _>>().unwrap()
}

/// The cells of rows that have no fault.
fn cells(table: &mut Table) -> Vec<Vec<String>> {
    let rows = rows(table);
    assert!(rows.iter().all(|row| row.fault.is_none()), "{rows:?}");
    rows.into_iter().map(|row| row.cells).collect()
}

fn lines(table: &mut Table) -> Vec<u64> {
    rows(table).iter().map(|row| row.line).collect()
}

fn faults(table: &mut Table) -> Vec<Option<String>> {
    rows(table).into_iter().map(|row| row.fault).collect()
}

fn utf_16(text: &str, order: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(order).collect()
}

#[test]
fn encodings_are_detected() {
    let text = "username,city\nanna,Zürich\nиван,Łódź\n";
    let marked = format!("\u{feff}{text}");
    for (bytes, expected) in [
        (text.as_bytes().to_vec(), "UTF-8, commas"),
        (marked.as_bytes().to_vec(), "UTF-8, commas"),
        (utf_16(text, u16::to_le_bytes), "UTF-16LE, commas"),
        (utf_16(text, u16::to_be_bytes), "UTF-16BE, commas"),
        (utf_16(&marked, u16::to_le_bytes), "UTF-16LE, commas"),
        (utf_16(&marked, u16::to_be_bytes), "UTF-16BE, commas"),
    ] {
        let mut table = read(bytes, &options());
        assert_eq!(table.notes(), [expected]);
        assert_eq!(table.columns(), ["username", "city"]);
        assert_eq!(cells(&mut table), [["anna", "Zürich"], ["иван", "Łódź"]]);
    }
    // Hardly an ASCII character in it.
    let mut table = read(utf_16("имя;город\nиван;Пермь\n", u16::to_le_bytes), &options());
    assert_eq!(table.notes(), ["UTF-16LE, semicolons"]);
    assert_eq!(cells(&mut table), [["иван", "Пермь"]]);
}

#[test]
fn encodings_can_be_named() {
    let mut table = read(b"name,city\nanna,\xa3\xf3d\xbc\n", &named("iso-8859-2"));
    assert_eq!(cells(&mut table), [["anna", "Łódź"]]);
    let mut table = read(b"name,city\nanna,Z\xfcrich\n", &named("windows-1252"));
    assert_eq!(cells(&mut table), [["anna", "Zürich"]]);
    let mut table = read(utf_16("a,b\n1,2\n", u16::to_be_bytes), &named("utf-16be"));
    assert_eq!(cells(&mut table), [["1", "2"]]);
    let mut table = read(utf_16("a,b\n1,ë\n", u16::to_le_bytes), &named("UTF-16LE"));
    assert_eq!(cells(&mut table), [["1", "ë"]]);
    let mut table = read("a,b\n1,ë\n", &named("utf-8"));
    assert_eq!(cells(&mut table), [["1", "ë"]]);
    let mut table = read(b"\xef\xbb\xbfa,b\n1,\xc3\xbc\n", &named("windows-1252"));
    assert_eq!(table.notes()[1], "the file's byte order mark says UTF-8, not windows-1252; the mark counts");
    assert_eq!(cells(&mut table), [["1", "ü"]]);
    for label in ["klingon", "", "replacement"] {
        let message = refusal("a\n", &named(label));
        assert!(message.starts_with(&format!("no encoding is called {label:?}; try")), "{message}");
    }
}

#[test]
fn a_quotation_mark_that_is_never_closed_is_a_fault() {
    let never = || Some("a quotation mark is opened and never closed".to_owned());
    let mut table = read(b"name,city\nanna,x\nbert,\"y\nconny,z\n", &options());
    // What follows is read: the mark costs its own row.
    assert_eq!(faults(&mut table), [None, never(), None]);
    let mut table = read(b"name\tcity\nanna\tx\nbert\t\"y\n", &options());
    assert_eq!(faults(&mut table), [None, never()]);
    let mut table = read(b"name,city\nanna,\"x\ny\"\nbert,\"y\"\"\"\n", &options());
    assert_eq!(faults(&mut table), [None, None]);
}

#[test]
fn a_stray_quotation_mark_swallows_no_rows() {
    // The second mark is the opening one of a row far below.
    let mut text = "name,plan\n".to_owned();
    for row in 0..600 {
        text.push_str(&match row {
            1 => "w1,\"plan1\n".to_owned(),
            301 => "w301,\"plan1\"\n".to_owned(),
            _ => format!("w{row},plan\n"),
        });
    }
    let mut table = read(text, &options());
    let rows = rows(&mut table);
    assert_eq!(rows.len(), 600);
    let faulty: Vec<_> = rows.iter().filter(|row| row.fault.is_some()).collect();
    assert_eq!(faulty.len(), 1);
    assert_eq!((faulty[0].line, &faulty[0].cells[..]), (3, &["w1".to_owned(), "plan1".to_owned()][..]));
    assert_eq!(
        faulty[0].fault.as_deref(),
        Some("a quotation mark is opened and not closed: the next one, on line 303, is followed by text")
    );
    for (row, fault) in [
        (
            "u1,\"Bob\" Smith",
            "text follows a closing quotation mark; within quotes, write each quotation mark twice",
        ),
        (
            "u1,\"said \\\"no\\\" twice\"",
            "a quotation mark is written with a backslash before it; within quotes, write it twice",
        ),
        ("u1, \"a\"", "a blank stands before an opening quotation mark; remove it"),
    ] {
        let mut table = read(format!("name,note\n{row}\nu2,x\n"), &options());
        assert_eq!(faults(&mut table), [Some(fault.to_owned()), None], "{row}");
    }
}

#[test]
fn code_pages_of_dos_are_read() {
    for label in ["cp850", "IBM850", "850"] {
        let mut table = read(b"name,city\nanna,M\x81nchen\n", &named(label));
        assert_eq!(table.notes(), ["CP850, commas"]);
        assert_eq!(cells(&mut table), [["anna", "München"]]);
    }
    let mut table = read(b"name;city\nanna;\x9d\xa2d\xab\n", &named("cp852"));
    assert_eq!(cells(&mut table), [["anna", "Łódź"]]);
}

#[test]
fn bytes_that_the_encoding_lacks_are_faults() {
    let lacks = |encoding: &str| {
        Some(format!(
            "the cell in column \"city\" holds bytes that {encoding} does not have; name the file's encoding"
        ))
    };
    // Windows-1252 is guessed, and named; a control character of Latin 1 is never meant.
    let mut table = read(b"name,city\nanna,M\x81nchen\nbert,K\xf6ln\n", &options());
    assert_eq!(faults(&mut table), [lacks("windows-1252"), None]);
    let mut table = read(b"name,city\nanna,\x8dx\nbert,K\xf6ln\n", &named("windows-1252"));
    assert_eq!(faults(&mut table), [lacks("windows-1252"), None]);
    let mut table = read(b"name,city\nanna,\x85x\n", &named("iso-8859-2"));
    assert_eq!(faults(&mut table), [lacks("ISO-8859-2")]);
    // A column that has no name is not read, so such bytes in it are no fault.
    let mut table = read(b"name,\nanna,M\x81\n", &options());
    assert_eq!(faults(&mut table), [None]);
    let mut table = read("name,city\nanna,Ã\u{87}\n", &options());
    let twice = "the cell in column \"city\" holds the control character U+0087; was it encoded twice?";
    assert_eq!(faults(&mut table), [Some(twice.to_owned())]);
    // What was lost before is told, and there.
    let mut table = read("name,city\nanna,M\u{fffd}nchen\nbert,\u{fffd}\n", &options());
    assert_eq!(faults(&mut table), [None, None]);
    assert_eq!(
        table.notes()[1..],
        ["column \"city\" on line 2 holds U+FFFD: a character was lost before the file was written"]
    );
}

#[test]
fn the_header_may_stand_below_a_title() {
    for (text, line, first_row) in [
        ("Customers;;\n;;\nusername;klass;note\nu1;gold;x\n", 3, 4),
        ("# exported 2026-03-01\nusername,klass\nu1,gold\n", 2, 3),
        ("version:v1.0\nUser name [x],Class [klass]\nu1,gold\nu2,plus\n", 2, 3),
        ("#TYPE System\r\n\"username\",\"klass\"\r\n\"u1\",\"gold\"\r\n", 2, 3),
        ("sep=;\nCustomers\nusername;klass\nu1;gold\n", 3, 4),
    ] {
        let mut table = read(text, &options());
        let note = format!("the header is on line {line}; what stands above it is left out");
        assert!(table.notes().iter().any(|it| it.starts_with(&note)), "{text:?}: {:?}", table.notes());
        assert_eq!(lines(&mut table)[0], first_row, "{text:?}");
    }
    let table = read("Customers,\nusername,klass\n", &options());
    assert_eq!(table.notes()[1], "the header is on line 2; what stands above it is left out (\"Customers\")");
}

#[test]
fn the_header_row_can_be_chosen() {
    let at = |row| TableOptions { header_row: Some(row), ..options() };
    let text = "username,klass\nx,y\nid,plan\nu1,gold\n";
    let mut table = read(text, &at(3));
    assert_eq!(table.columns(), ["id", "plan"]);
    assert_eq!(lines(&mut table), [4]);
    assert_eq!(read("Customers\nusername\nu1\n", &at(2)).columns(), ["username"]);
    assert_eq!(read("sep=;\na;b\n1;2\n", &at(2)).columns(), ["a", "b"]);
    // A title does not mislead about the delimiter.
    let mut table = read("one, two, three\nname;n\na,b;1\n", &at(2));
    assert_eq!(cells(&mut table), [["a,b", "1"]]);
    for (text, row) in [("a\n\nb\n", 2), ("a\nb\n", 9), ("\"a\nb\"\nc\n", 2), ("sep=;\na;b\n", 1)] {
        assert_eq!(
            refusal(text, &at(row)),
            format!("no row starts at {row}, where the header was said to be; choose another header row")
        );
    }
}

#[test]
fn empty_cells_far_right_are_nothing() {
    let commas = ",".repeat(5_000);
    let mut table = read(format!("username,klass{commas}\nu1,gold{commas}\nu2,plus, \n"), &options());
    assert_eq!(table.notes()[1], "columns 3 to 5002 have no name and are left out");
    assert_eq!(cells(&mut table), [["u1", "gold"], ["u2", "plus"]]);
}

#[test]
fn undecodable_cells_are_faults() {
    let mut table = read(b"name,city\nanna,\xfc\nbert,y\n", &named("utf-8"));
    assert_eq!(
        faults(&mut table),
        [
            Some(
                "the cell in column \"city\" is not UTF-8, as was said; name the file's encoding".to_owned()
            ),
            None
        ]
    );
    let mut table = read(b"name,city\nj\xc3\xbcrg,x\nanna,\xfc\nbert,y\n", &options());
    assert_eq!(
        faults(&mut table),
        [
            None,
            Some(
                "the cell in column \"city\" is not UTF-8 as the rows before; name the file's encoding"
                    .to_owned()
            ),
            None
        ]
    );
    let mut table = read(b"name,city\nanna,\x81\xff\n", &named("shift_jis"));
    let expected = "the cell in column \"city\" is not Shift_JIS; name the file's encoding";
    assert_eq!(faults(&mut table), [Some(expected.to_owned())]);
    let message = refusal(b"\xef\xbb\xbfname,cit\xfc\n", &options());
    assert!(
        message.contains("(line 1)") && message.contains("the name of column 2 is not UTF-8"),
        "{message}"
    );
}

#[test]
fn windows_1252_shows_late() {
    let mut bytes = b"name,city\n".to_vec();
    for _ in 0..20_000 {
        bytes.extend(b"anna,Bern\n");
    }
    bytes.extend(b"j\xfcrg,K\xf6ln\nanna,\x80\nno\xc3\xab,\n");
    let mut table = read(bytes, &options());
    assert_eq!(table.notes(), ["UTF-8, commas"]);
    let cells = cells(&mut table);
    assert_eq!(cells[20_000..], [["jürg", "Köln"], ["anna", "€"], ["noÃ«", ""]]);
    assert_eq!(table.notes()[1], "line 20002 is not UTF-8; from there on the file is read as Windows-1252");

    let mut table = read(b"name,stra\xdfe\nj\xfcrg,x\n", &options());
    assert_eq!(table.columns(), ["name", "straße"]);
    assert_eq!(rows(&mut table)[0].cells, ["jürg", "x"]);
}

#[test]
fn delimiters_are_detected() {
    for (delimiter, name) in [(',', "commas"), (';', "semicolons"), ('\t', "tabs"), ('|', "vertical bars")] {
        let text = "name;price;note\nanna;1,5;\"a;b\"\nbert;2,5;x\n".replace(';', &delimiter.to_string());
        let text = if delimiter == ',' { text.replace("1,5", "1.5").replace("2,5", "2.5") } else { text };
        let mut table = read(text.clone(), &options());
        assert_eq!(table.notes(), [format!("UTF-8, {name}")]);
        assert_eq!(table.columns(), ["name", "price", "note"]);
        let found = cells(&mut table);
        assert_eq!(found[0][2], format!("a{delimiter}b"));
        assert_eq!(found[1], ["bert", &found[1][1], "x"]);
    }
}

#[test]
fn delimiters_in_texts_do_not_mislead() {
    for (text, note, columns) in [
        ("username\nanna\nbert\n", "UTF-8, one column", 1),
        ("username\nanna;b\nbert;c\n", "UTF-8, one column", 1),
        ("Name, first;Number;Note\nA, b;1;x\nC;2;y\nD;3;z\n", "UTF-8, semicolons", 3),
        ("full name, or none\nanna\nbert\n", "UTF-8, one column", 1),
        ("a;b\n1,5;2\n1,5;2;3\n", "UTF-8, semicolons", 2),
        ("a,b\n", "UTF-8, commas", 2),
        ("a\n", "UTF-8, one column", 1),
    ] {
        let table = read(text, &options());
        assert_eq!((table.notes(), table.columns().len()), (&[note.to_owned()][..], columns), "{text:?}");
    }
    // The sample ends within a quoted cell.
    let mut text = "a;b\n".to_owned();
    while text.len() < 70_000 {
        text.push_str("1,1,1,1;\"2\n,,,,,,\"\n");
    }
    assert_eq!(read(text, &options()).notes(), ["UTF-8, semicolons"]);
}

#[test]
fn delimiters_can_be_chosen() {
    let semicolons = TableOptions { delimiter: Some(b';'), ..options() };
    let mut table = read("a,b;c,d\n1,2;3,4\n", &semicolons);
    assert_eq!(table.columns(), ["a,b", "c,d"]);
    assert_eq!(cells(&mut table), [["1,2", "3,4"]]);
}

#[test]
fn quoted_cells_hold_delimiters_quotes_and_line_ends() {
    for delimiter in [b',', b';', b'\t', b'|', b'^'] {
        let d = char::from(delimiter);
        let text = format!(
            "klass{d}username\r\n\"a, b; c| d\te ^ \"\"f\"\"\"{d}ann\r\no'brien{d}bob\r\n\"two\nlines\"{d}cyd\r\n"
        );
        let expected = [["a, b; c| d\te ^ \"f\"", "ann"], ["o'brien", "bob"], ["two\nlines", "cyd"]];
        let given = TableOptions { delimiter: Some(delimiter), ..options() };
        assert_eq!(cells(&mut read(text.clone(), &given)), expected, "{d:?}");
        if delimiter != b'^' {
            assert_eq!(cells(&mut read(text, &options())), expected, "{d:?}");
        }
    }
}

#[test]
fn bad_delimiters_are_refused() {
    for delimiter in [b'"', b'\n', 0xe4, 0] {
        let message = refusal("a,b\n", &TableOptions { delimiter: Some(delimiter), ..options() });
        assert!(message.contains("cannot stand between cells"), "{message}");
    }
}

#[test]
fn quotes_are_detected() {
    let mut table = read("'name','note'\n'anna','a,b'\n'bert','it''s'\n", &options());
    assert_eq!(table.notes(), ["UTF-8, commas, single quotes"]);
    assert_eq!(cells(&mut table), [["anna", "a,b"], ["bert", "it's"]]);
    let mut table = read("name,note\no'brien,'x\n", &options());
    assert_eq!(cells(&mut table), [["o'brien", "'x"]]);
    let single = TableOptions { quote: Some(Quote::Single), ..options() };
    let mut table = read("name,note\nanna,'a,b'\n", &single);
    assert_eq!(cells(&mut table), [["anna", "a,b"]]);
    let plain = TableOptions { quote: Some(Quote::None), ..options() };
    let mut table = read("name,note\nanna,\"x\n", &plain);
    assert_eq!(table.notes(), ["UTF-8, commas, no quotes"]);
    assert_eq!(cells(&mut table), [["anna", "\"x"]]);
}

#[test]
fn the_hint_for_excel_is_no_row() {
    for text in
        ["sep=;\r\nname;n\r\na,b;1\r\n", "\u{feff}\"sep=;\"\nname;n\na,b;1\n", "SEP=;\nname;n\na,b;1\n"]
    {
        let mut table = read(text, &options());
        assert_eq!(table.columns(), ["name", "n"], "{text:?}");
        assert_eq!(lines(&mut table), [3]);
    }
    let mut table = read("sep=^\nname^n\na,b^1\n", &options());
    assert_eq!(cells(&mut table), [["a,b", "1"]]);
    let mut table = read("sep=;\nname,n\na;b,1\n", &TableOptions { delimiter: Some(b','), ..options() });
    assert_eq!(cells(&mut table), [["a;b", "1"]]);
    assert_eq!(refusal("sep=;\n", &options()), TableError::Empty.to_string());
}

#[test]
fn lines_are_those_of_an_editor() {
    for (text, expected) in [
        ("a,b\r\n1,2\r\n\r\n\"3\r\n3\",4\r\n5,6\r\n", [2, 4, 6]),
        ("\n\na,b\n1,2\n,\n\"3\n\n\",4\n  \n5,6", [4, 6, 10]),
        ("a,b\r1,2\r\r\"3\r3\",4\r5,6\r", [2, 4, 6]),
    ] {
        assert_eq!(lines(&mut read(text, &options())), expected, "{text:?}");
    }
    let text = "a,b\r\n1,2\r\n3,4\r\n";
    assert_eq!(lines(&mut read(utf_16(text, u16::to_le_bytes), &options())), [2, 3]);
}

#[test]
fn blank_lines_take_no_memory_and_are_no_row() {
    let blank = 1_000_000;
    let source = Cursor::new(b"a,b\n".to_vec()).chain(io::repeat(b'\n').take(blank)).chain(&b"1,2\n"[..]);
    let mut table = Table::read(source, &options()).unwrap();
    assert_eq!(lines(&mut table), [blank + 2]);
}

#[test]
fn header_faults_come_all_at_once() {
    let message = refusal("\n name ,city,name\u{a0},\u{1}x,city,,city\n", &options());
    assert_eq!(
        message,
        "the header cannot be used (line 2):\n  \
         column 4 has the control character U+0001 in its name \"\\u{1}x\"; take it out\n  \
         columns 2, 5 and 7 are all called \"city\"; rename all but one\n  \
         columns 1 and 3 are all called \"name\"; rename all but one"
    );
    assert_eq!(read(",,\na,b,c\n", &options()).columns(), ["a", "b", "c"]);
    let message = refusal(format!("{}x", ",".repeat(MAX_COLUMNS)), &options());
    assert!(message.ends_with("it has 1001 columns; at most 1000 can be read"), "{message}");
    for empty in ["", "\n\r\n\n", "\u{feff}"] {
        assert_eq!(refusal(empty, &options()), "the file is empty: its first row must name the columns");
    }
}

#[test]
fn columns_without_a_name_are_left_out() {
    let mut table = read(" full name ,,city,\u{feff},\n1,2,3,4\n1,2,3\n1,2\n", &options());
    assert_eq!(table.columns(), ["full name", "city"]);
    assert_eq!(table.notes()[1], "columns 2, 4 and 5 have no name and are left out");
    let rows = rows(&mut table);
    assert_eq!(rows[0].cells, ["1", "3"]);
    assert_eq!(rows[1].fault, None);
    assert_eq!(rows[2].fault.as_deref(), Some("the row has 2 cells, the header has 5"));
    assert_eq!(read("a,,b\n", &options()).notes()[1], "column 2 has no name and is left out");
}

#[test]
fn ragged_rows_are_faults() {
    let mut table = read("a,b\n1\n1,2,3\n1,2,,\n 1 , 2\n", &options());
    let rows = rows(&mut table);
    assert_eq!(rows[0].fault.as_deref(), Some("the row has 1 cell, the header has 2"));
    assert_eq!(rows[0].cells, ["1"]);
    assert_eq!(rows[1].fault.as_deref(), Some("the row has 3 cells, the header has 2"));
    assert_eq!(rows[1].cells, ["1", "2", "3"]);
    assert_eq!(rows[2].fault, None);
    assert_eq!(rows[3].cells, [" 1 ", " 2"]);
}

#[test]
fn a_header_alone_is_no_row() {
    let mut table = read("a,b", &options());
    assert_eq!(table.columns(), ["a", "b"]);
    assert!(table.next().is_none());
    assert_eq!(table.bytes_read(), 3);
}

#[test]
fn formulas_and_nuls_are_told_apart() {
    let mut table = read("a,b\n'=1+1,'tis\n'+49 30,\0\n", &options());
    let rows = rows(&mut table);
    assert_eq!(rows[0].cells, ["=1+1", "'tis"]);
    assert_eq!(rows[1].cells[0], "+49 30");
    let fault = rows[1].fault.as_deref().unwrap();
    assert!(fault.starts_with("the cell in column \"b\" holds a NUL character"), "{fault}");
}

/// Counts what is read of it.
struct Metered<R>(R, Rc<Cell<u64>>);

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.0.read(buffer)?;
        self.1.set(self.1.get() + count as u64);
        Ok(count)
    }
}

#[test]
fn a_row_without_end_is_not_swallowed() {
    let long: &[(&[u8], &[u8])] = &[(b"a,b\n1,2\n\nx", b"x"), (b"a,b\n1,2\n\n\"", b"x")];
    for (start, body) in long {
        let read = Rc::new(Cell::new(0));
        let body = Cursor::new(body.repeat(1_000_000));
        let source = Metered(Cursor::new(start.to_vec()).chain(body), read.clone());
        let mut table = Table::read(source, &options()).unwrap();
        assert_eq!(table.next().unwrap().unwrap().line, 2);
        let error = table.next().unwrap().unwrap_err();
        assert_eq!(
            error.to_string(),
            "the row that starts on line 4 is longer than 64 KiB; is a quote opened in it and never closed?"
        );
        assert!(table.next().is_none());
        assert!(read.get() < 4 * MAX_ROW, "{} bytes", read.get());
    }
    // A quotation mark that stays open over 100,000 lines costs its own row only.
    for body in [&b"1,2\n"[..], b"\"\",2\n"] {
        let text = [b"a,b\n\"1,2\n", &body.repeat(100_000)[..]].concat();
        let faulty: Vec<_> =
            rows(&mut read(text, &options())).into_iter().filter(|row| row.fault.is_some()).collect();
        assert_eq!(faulty.iter().map(|row| row.line).collect::<Vec<_>>(), [2]);
    }
    let message = refusal([b"\"a", &b"x".repeat(10_000_000)[..]].concat(), &options());
    assert!(message.starts_with("the row that starts on line 1 is longer"), "{message}");
    let mut table = read(format!("a,b\n{},2\n3,4\n", "x".repeat(65_000)), &options());
    assert_eq!(rows(&mut table).len(), 2);
}

#[test]
fn reading_errors_end_it() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("the disk is on fire"))
        }
    }
    let source = Cursor::new(b"a,b\n".repeat(50_000)).chain(Broken);
    let mut table = Table::read(source, &options()).unwrap();
    let error = table.find_map(Result::err).unwrap();
    assert_eq!(error.to_string(), "the file could not be read to its end: the disk is on fire");
    assert!(table.next().is_none());
    let error = Table::open(&PathBuf::from("/nowhere/at.all"), &options()).err().unwrap();
    assert!(error.to_string().starts_with("the file cannot be opened: No such file"), "{error}");
    assert!(Table::open(&std::env::temp_dir(), &options()).is_err());
}

/// A workbook on disk.
fn saved(mut workbook: Workbook) -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    // The name says nothing about the content.
    let path = directory.path().join("list.csv");
    workbook.save(&path).unwrap();
    (directory, path)
}

fn kinds() -> Workbook {
    let mut workbook = Workbook::new();
    let date = Format::new().set_num_format("yyyy-mm-dd");
    let clock = Format::new().set_num_format("hh:mm:ss");
    let span = Format::new().set_num_format("[h]:mm:ss");
    let sheet = workbook.add_worksheet();
    // Two blank rows come first.
    for (column, name) in (0..).zip([" username ", "n", "", "when"]) {
        sheet.write(2, column, name).unwrap();
    }
    sheet.write(3, 0, "Zoë").unwrap();
    sheet.write(3, 1, 42.0).unwrap();
    sheet.write(3, 2, "left out").unwrap();
    sheet.write_with_format(3, 3, ExcelDateTime::from_ymd(2026, 12, 31).unwrap(), &date).unwrap();
    sheet.write(4, 0, "007").unwrap();
    sheet.write(4, 1, 0.1).unwrap();
    let evening = ExcelDateTime::from_ymd(2026, 12, 31).unwrap().and_hms(18, 30, 0).unwrap();
    sheet.write_with_format(4, 3, evening, &date).unwrap();
    sheet.write(6, 0, true).unwrap();
    sheet.write(6, 1, -12_345_678_901_234.0).unwrap();
    sheet.write_with_format(6, 3, ExcelDateTime::from_hms(18, 30, 0).unwrap(), &clock).unwrap();
    sheet.write(7, 0, Formula::new("=\"a\"&\"b\"").set_result("ab")).unwrap();
    sheet.write(7, 1, Formula::new("=1+1").set_result("2")).unwrap();
    sheet.write_with_format(7, 3, 1.5, &span).unwrap();
    sheet.write(8, 0, "'=x").unwrap();
    sheet.write(8, 3, Formula::new("=NA()").set_result("#N/A")).unwrap();
    sheet.write(9, 0, "anna").unwrap();
    sheet.write(9, 5, "beyond").unwrap();
    sheet.write_blank(10, 0, &date).unwrap();
    sheet.write(11, 0, " ").unwrap();
    workbook
}

#[test]
fn a_sheet_is_read_cell_by_cell() {
    let (_directory, path) = saved(kinds());
    let mut table = Table::open(&path, &options()).unwrap();
    assert_eq!(table.columns(), ["username", "n", "when"]);
    assert_eq!(table.notes(), ["Excel, sheet \"Sheet1\"", "column C has no name and is left out"]);
    let rows = rows(&mut table);
    let found: Vec<_> = rows.iter().map(|row| (row.line, row.cells.join("|"))).collect();
    let expected = [
        (4, "Zoë|42|2026-12-31"),
        (5, "007|0.1|2026-12-31T18:30:00"),
        (7, "true|-12345678901234|18:30:00"),
        (8, "ab|2|36:00:00"),
        (9, "=x||"),
        (10, "anna||"),
    ];
    assert_eq!(found, expected.map(|(line, cells)| (line, cells.to_owned())));
    let faults: Vec<_> = rows.iter().filter_map(|row| row.fault.as_deref()).collect();
    assert_eq!(
        faults,
        ["cell D9 is #N/A; correct its formula", "cell F10 is not empty, but the header has no column F"]
    );
    assert!(table.bytes_read() > 0);
}

/// A workbook of one sheet with this content, styles 1 to 3 being `00000`, `0.00` and `dd.mm.yyyy`, and two shared texts.
fn workbook(sheet: &str) -> (TempDir, PathBuf) {
    workbook_of(&[("xl/worksheets/sheet1.xml", format!("<worksheet>{sheet}</worksheet>").into_bytes())], "")
}

fn workbook_of(parts: &[(&str, Vec<u8>)], settings: &str) -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("list.xlsx");
    let mut archive = ZipWriter::new(std::fs::File::create(&path).unwrap());
    let mut add = |name: &str, text: &[u8]| {
        archive.start_file(name, SimpleFileOptions::default()).unwrap();
        archive.write_all(text).unwrap();
    };
    let sheets = r#"<sheets><sheet name="S" sheetId="1" r:id="r1"/></sheets>"#;
    add("xl/workbook.xml", format!("<workbook>{settings}{sheets}</workbook>").as_bytes());
    add(
        "xl/_rels/workbook.xml.rels",
        br#"<Relationships><Relationship Id="r1" Type="x/worksheet" Target="worksheets/sheet1.xml"/>
        <Relationship Id="r2" Type="x/styles" Target="styles.xml"/>
        <Relationship Id="r3" Type="x/sharedStrings" Target="/xl/sharedStrings.xml"/></Relationships>"#,
    );
    add(
        "xl/styles.xml",
        br#"<styleSheet><numFmts><numFmt numFmtId="164" formatCode="00000"/><numFmt numFmtId="165" formatCode="dd.mm.yyyy"/>
        </numFmts><cellStyleXfs><xf numFmtId="2"/></cellStyleXfs><cellXfs><xf numFmtId="0"/><xf numFmtId="164"/>
        <xf numFmtId="2"/><xf numFmtId="165"/></cellXfs></styleSheet>"#,
    );
    add(
        "xl/sharedStrings.xml",
        br#"<sst><si><r><t>u</t></r><r><t>1</t></r><rPh><t>X</t></rPh></si><si><t xml:space="preserve"> a &amp; b_x000D_</t></si></sst>"#,
    );
    for (name, text) in parts {
        add(name, text);
    }
    archive.finish().unwrap();
    (directory, path)
}

/// Reads the second column of a sheet with these cells, such as `<c s="1"><v>5</v></c>`.
fn values(cells: &[&str], settings: &str) -> Vec<Result<String, String>> {
    let mut sheet = text_row(1, &["username", "value"]);
    for (number, cell) in (2..).zip(cells) {
        let cell = cell.replace("<c", &format!("<c r=\"B{number}\""));
        sheet.push_str(&format!("<row r=\"{number}\">{}{cell}</row>", text_cell("A", number, "u")));
    }
    let sheet = format!("<worksheet><sheetData>{sheet}</sheetData></worksheet>");
    let (_directory, path) = workbook_of(&[("xl/worksheets/sheet1.xml", sheet.into_bytes())], settings);
    let rows = rows(&mut Table::open(&path, &options()).unwrap());
    rows.into_iter().map(|row| row.fault.map_or_else(|| Ok(row.cells[1].clone()), Err)).collect()
}

fn text_cell(column: &str, row: u32, text: &str) -> String {
    format!("<c r=\"{column}{row}\" t=\"inlineStr\"><is><t>{text}</t></is></c>")
}

fn text_row(row: u32, texts: &[&str]) -> String {
    let cells: String =
        ["A", "B", "C", "D"].iter().zip(texts).map(|(column, text)| text_cell(column, row, text)).collect();
    format!("<row r=\"{row}\">{cells}</row>")
}

#[test]
fn cells_are_read_as_the_sheet_shows_them() {
    for (cell, expected) in [
        (r#"<c s="1"><v>123</v></c>"#, "00123"),
        (r#"<c s="2"><v>12.5</v></c>"#, "12.50"),
        (r#"<c s="3"><v>46387</v></c>"#, "2026-12-31"),
        ("<c><v>0.30000000000000004</v></c>", "0.3"),
        ("<c><v>89445001020304050607</v></c>", "89445001020304050607"),
        ("<c><v>9007199254740993</v></c>", "9007199254740993"),
        (r#"<c s="1"><v>89445001020304050607</v></c>"#, "89445001020304050607"),
        ("<c><f>1+1</f><v>2</v></c>", "2"),
        (r#"<c t="str"><f>""</f><v></v></c>"#, ""),
        (r#"<c t="str"><f>A1</f><v>text</v></c>"#, "text"),
        (r#"<c t="s"><v>0</v></c>"#, "u1"),
        (r#"<c t="s"><v>1</v></c>"#, " a & b\r"),
        (r#"<c t="b"><v>1</v></c>"#, "true"),
        (r#"<c t="d"><v>2026-12-31T00:00:00</v></c>"#, "2026-12-31"),
        (r#"<c t="n"><v> 5 </v></c>"#, "5"),
        (r#"<c t="inlineStr"><is><t><![CDATA[a<b]]></t></is></c>"#, "a<b"),
        (r#"<c s="1"/>"#, ""),
    ] {
        assert_eq!(values(&[cell], ""), [Ok(expected.to_owned())], "{cell}");
    }
    let no_value =
        "cell B2 is a formula without a stored value; open the workbook in a spreadsheet program and save it";
    for (cell, expected) in [
        ("<c><f>B10</f><v></v></c>", no_value),
        ("<c><f>B10</f></c>", no_value),
        (r#"<c t="str"><f>A1</f></c>"#, no_value),
        (r#"<c><f t="shared" si="0"/></c>"#, no_value),
        (r#"<c t="e"><v>#SPILL!</v></c>"#, "cell B2 is #SPILL!; correct its formula"),
        ("<c><v>abc</v></c>", "cell B2 holds \"abc\", which is no number"),
        ("<c><v>1e999</v></c>", "cell B2 holds \"1e999\", which is no number"),
        (r#"<c t="s"><v>77</v></c>"#, "cell B2 refers to text \"77\", which the workbook does not have"),
        (
            "<c><v>8.9445001020304052E+19</v></c>",
            "cell B2 holds a number of 20 digits, of which the file has kept 17; format the cell as text and enter it anew",
        ),
    ] {
        assert_eq!(values(&[cell], ""), [Err(expected.to_owned())], "{cell}");
    }
    // A program that calculates nothing writes 0 for every formula, and says that they are to be calculated.
    let uncalculated = r#"<calcPr fullCalcOnLoad="1"/>"#;
    assert_eq!(values(&["<c><f>B10</f><v>0</v></c>"], uncalculated), [Err(no_value.to_owned())]);
    assert_eq!(values(&["<c><f>B10</f><v>0</v></c>"], ""), [Ok("0".to_owned())]);
    assert_eq!(values(&["<c><f>B10</f><v>7</v></c>"], uncalculated), [Ok("7".to_owned())]);
    let of_1904 = r#"<workbookPr date1904="1"/>"#;
    assert_eq!(values(&[r#"<c s="3"><v>44925</v></c>"#], of_1904), [Ok("2026-12-31".to_owned())]);
}

#[test]
fn errors_in_cells_that_are_not_read_are_no_fault_of_their_row() {
    let error = |at: &str, text: &str| format!("<c r=\"{at}\" t=\"e\"><v>{text}</v></c>");
    let row = |number: u32, cells: &[String]| {
        format!("<row r=\"{number}\">{}{}</row>", text_cell("A", number, "u1"), cells.concat())
    };
    let sheet = [
        "<sheetData>".to_owned(),
        text_row(1, &["username", "klass", "vlookup"]),
        row(2, &[text_cell("B", 2, "gold"), error("C2", "#N/A")]),
        row(3, &[text_cell("B", 3, "plus"), "<c r=\"C3\"><f>B10</f></c>".to_owned()]),
        row(4, &[error("B4", "#REF!"), error("C4", "#DIV/0!")]),
        row(5, &[error("C5", "#SPILL!"), text_cell("E", 5, "x")]),
        row(6, &[text_cell("B", 6, "gold"), "<c r=\"C6\"><v>abc</v></c>".to_owned()]),
        "</sheetData>".to_owned(),
    ];
    let (_directory, path) = workbook(&sheet.concat());
    let mut table = Table::open(&path, &options()).unwrap();
    table.ignore_faults_in([2]);
    let found = rows(&mut table);
    let cells: Vec<_> = found.iter().map(|row| row.cells.join("|")).collect();
    assert_eq!(cells, ["u1|gold|#N/A", "u1|plus|", "u1||#DIV/0!", "u1||", "u1|gold|"]);
    let faults: Vec<_> = found.iter().map(|row| row.fault.as_deref()).collect();
    let misfit = "cell E5 is not empty, but the header has no column E";
    assert_eq!(faults, [None, None, Some("cell B4 is #REF!; correct its formula"), Some(misfit), None]);
    assert_eq!(table.ignored_faults().collect::<Vec<_>>(), [("vlookup", 3)]);
    let mut strict = Table::open(&path, &options()).unwrap();
    let faults = self::faults(&mut strict);
    assert_eq!(faults[0].as_deref(), Some("cell C2 is #N/A; correct its formula"));
    assert!(faults.iter().all(Option::is_some), "{faults:?}");
    assert_eq!(strict.ignored_faults().count(), 0);
}

#[test]
fn bytes_of_csv_cells_that_are_not_read_are_no_fault_of_their_row() {
    // The second column is unnamed, so the places of the columns are not those of the cells.
    let text = b"username,,klass,note\nu\xc3\xa4,,gold,a\xff\nu2,,\0,b\0\nu3,,plus,\0c\nu4,,plus\nu5,,plus,\0,x\nu6,,\"a\"b,\0\n";
    let mut table = read(&text[..], &named("utf-8"));
    assert_eq!(table.columns(), ["username", "klass", "note"]);
    table.ignore_faults_in([2]);
    let found = rows(&mut table);
    let cells: Vec<_> = found.iter().map(|row| row.cells.join("|")).collect();
    assert_eq!(cells[..3], ["uä|gold|a\u{fffd}", "u2|\0|b\u{fffd}", "u3|plus|\u{fffd}c"]);
    let faults: Vec<_> = found.iter().map(|row| row.fault.as_deref()).collect();
    assert_eq!((faults[0], faults[2]), (None, None));
    assert!(
        faults[1].unwrap().starts_with("the cell in column \"klass\" holds a NUL character"),
        "{faults:?}"
    );
    assert_eq!(
        faults[3..5],
        ["3", "5"]
            .map(|count| Some(format!("the row has {count} cells, the header has 4")))
            .each_ref()
            .map(Option::as_deref)
    );
    assert!(faults[5].unwrap().contains("quotation mark"), "{faults:?}");
    assert_eq!(table.ignored_faults().collect::<Vec<_>>(), [("note", 2)]);
}

#[test]
fn hidden_rows_want_a_choice() {
    let hidden = |row: String| row.replace("<row", "<row hidden=\"1\"");
    let none = |row: String| row.replace("<row", "<row ht=\"0\" customHeight=\"1\"");
    let sheet = [
        "<sheetData>".to_owned(),
        text_row(1, &["username", "klass"]),
        text_row(2, &["u1", "gold"]),
        hidden(text_row(3, &["u2", "gold"])),
        none(text_row(5, &["u3", "plus"])),
        hidden(text_row(6, &[" "])),
        text_row(7, &["u4", "plus"]),
        "</sheetData>".to_owned(),
    ];
    let (_directory, path) = workbook(&sheet.concat());
    let with = |hidden| Table::open(&path, &TableOptions { hidden, ..options() }).unwrap();
    let error = with(None).find_map(Result::err).unwrap();
    assert_eq!(
        error.to_string(),
        "2 rows are hidden in the sheet, from row 3 on; choose whether to include or to skip hidden rows"
    );
    assert_eq!(error.suggestion(), Some(Suggestion::ChooseHiddenRows));
    let mut table = with(Some(HiddenCells::Include));
    assert_eq!(lines(&mut table), [2, 3, 5, 7]);
    assert_eq!(table.notes()[1], "2 rows are hidden in the sheet and are read");
    let mut table = with(Some(HiddenCells::Skip));
    assert_eq!(lines(&mut table), [2, 7]);
    assert_eq!(table.notes()[1], "2 rows are hidden in the sheet and are left out");
}

#[test]
fn rows_that_a_filter_hides_want_a_choice() {
    let mut workbook = Workbook::new();
    let sheet = workbook.add_worksheet();
    for (row, texts) in (0..).zip([["username", "plan"], ["u1", "off"], ["u2", "on"], ["u3", "off"]]) {
        for (column, text) in (0..).zip(texts) {
            sheet.write(row, column, text).unwrap();
        }
    }
    sheet.autofilter(0, 0, 3, 1).unwrap();
    sheet.filter_column(1, &rust_xlsxwriter::FilterCondition::new().add_list_filter("off")).unwrap();
    let (_directory, path) = saved(workbook);
    let error = Table::open(&path, &options()).unwrap().find_map(Result::err).unwrap();
    assert!(matches!(error, TableError::Hidden { rows: 1, first: 3 }), "{error}");
}

#[test]
fn hidden_columns_and_merged_cells_are_told() {
    let sheet = [
        r#"<cols><col min="2" max="2" hidden="1"/><col min="3" max="4" width="0"/></cols><sheetData>"#
            .to_owned(),
        text_row(1, &["username", "klass ", "klass2"]),
        text_row(2, &["u1", "gold", "plus"]),
        r#"</sheetData><mergeCells><mergeCell ref="A2:B2"/></mergeCells>"#.to_owned(),
    ];
    let (_directory, path) = workbook(&sheet.concat());
    let merged = "cells are merged (A2:B2): of merged cells only the first has a value";
    let mut table = Table::open(&path, &options()).unwrap();
    assert_eq!(cells(&mut table), [["u1", "gold", "plus"]]);
    let hidden = "columns B (\"klass\"), C (\"klass2\") are hidden in the sheet and read";
    assert_eq!(table.notes()[1..], [hidden, merged]);
    let (_directory, twice) = workbook(&sheet.concat().replace("klass2", "klass"));
    let message = Table::open(&twice, &options()).err().unwrap().to_string();
    assert!(message.ends_with("are hidden in the sheet: hidden columns can be skipped"), "{message}");
    let skip = TableOptions { hidden: Some(HiddenCells::Skip), ..options() };
    let mut table = Table::open(&path, &skip).unwrap();
    assert_eq!((table.columns().len(), cells(&mut table)), (1, vec![vec!["u1".to_owned()]]));
    assert_eq!(table.notes()[1..], ["hidden columns are left out: B, C to D", merged]);
}

#[test]
fn titles_and_stray_cells_of_sheets_are_passed() {
    let far = |row: u32, cell: &str| format!("<row r=\"{row}\">{}{cell}</row>", text_cell("A", row, "u1"));
    let sheet = [
        "<sheetData>".to_owned(),
        text_row(1, &["Customers"]),
        text_row(4, &["username", "klass"]).replace("</row>", "<c r=\"AMM4\" t=\"str\"><v> </v></c></row>"),
        far(5, "<c r=\"XFD5\" t=\"str\"><v> </v></c>"),
        far(6, "<c r=\"F6\" t=\"e\"><v>#N/A</v></c>"),
        far(7, "<c r=\"F7\" t=\"str\"><v>x</v></c>"),
        "</sheetData>".to_owned(),
    ];
    let (_directory, path) = workbook(&sheet.concat());
    let mut table = Table::open(&path, &options()).unwrap();
    assert_eq!(table.columns(), ["username", "klass"]);
    assert_eq!(table.notes()[1], "the header is in row 4; what stands above it is left out (\"Customers\")");
    assert_eq!(
        faults(&mut table),
        [None, None, Some("cell F7 is not empty, but the header has no column F".to_owned())]
    );
    let at = |row| Table::open(&path, &TableOptions { header_row: Some(row), ..options() });
    assert_eq!(at(5).unwrap().columns(), ["u1"]);
    assert!(matches!(at(2), Err(TableError::HeaderRow { row: 2 })));
}

#[test]
fn sheets_that_make_no_sense_end_it() {
    let open = |sheet: &str| {
        let (_directory, path) = workbook(&format!("<sheetData>{sheet}</sheetData>"));
        match Table::open(&path, &options()) {
            Ok(mut table) => table.find_map(Result::err),
            Err(error) => Some(error),
        }
        .map(|error| error.to_string())
    };
    let header = text_row(1, &["username", "klass"]);
    for (rows, why) in [
        (text_row(3, &["u1"]) + &text_row(2, &["u2"]), "row 2 follows row 3"),
        (text_row(2, &["u1"]) + &text_row(2, &["u2"]), "row 2 follows row 2"),
        (
            text_row(2, &["u1"]).replace("</row>", &(text_cell("A", 2, "u2") + "</row>")),
            "cell A2 is there twice",
        ),
        (text_row(2, &["u1"]).replace("A2", "A3"), "row 2 can have no cell \"A3\""),
        (text_row(1_048_577, &["u1"]), "there can be no row \"1048577\""),
        (text_row(2, &["&e;"]), "the entity &e;"),
        ("<row r=\"2\"><c r=\"A2\">".to_owned(), ""),
    ] {
        let error = open(&(header.clone() + &rows)).unwrap();
        assert!(error.starts_with("the sheet cannot be read after row") && error.contains(why), "{error}");
    }
    // Neither rows nor cells need to say where they are, nor names to have no prefix.
    let plain = r#"<x:row><x:c t="s"><x:v>0</x:v></x:c></x:row><x:row><x:c><x:v>1</x:v></x:c></x:row>"#;
    let (_directory, path) = workbook_of(
        &[(
            "xl/worksheets/sheet1.xml",
            format!("<x:worksheet><x:sheetData>{plain}</x:sheetData></x:worksheet>").into_bytes(),
        )],
        "",
    );
    let mut table = Table::open(&path, &options()).unwrap();
    assert_eq!(cells(&mut table), [["1"]]);
    let wide = utf_16(
        &format!(
            "\u{feff}<?xml version=\"1.0\" encoding=\"UTF-16\"?><worksheet><sheetData>{header}</sheetData></worksheet>"
        ),
        u16::to_le_bytes,
    );
    let (_directory, path) = workbook_of(&[("xl/worksheets/sheet1.xml", wide)], "");
    assert_eq!(Table::open(&path, &options()).unwrap().columns(), ["username", "klass"]);
}

#[test]
fn sheets_have_names() {
    let mut workbook = Workbook::new();
    for (name, column) in [("Hidden", "h"), ("Users", "u"), ("Staff 2026", "s"), ("Nothing", "")] {
        let sheet = workbook.add_worksheet().set_name(name).unwrap();
        sheet.write(0, 0, column).unwrap();
        sheet.write(1, 0, 1.0).unwrap();
    }
    workbook.add_worksheet().set_name("Empty").unwrap();
    workbook.worksheet_from_index(1).unwrap().set_active(true);
    workbook.worksheet_from_index(0).unwrap().set_hidden(true);
    let (_directory, path) = saved(workbook);
    let of = |sheet: &str| Table::open(&path, &TableOptions { sheet: Some(sheet.to_owned()), ..options() });
    let table = Table::open(&path, &options()).unwrap();
    assert_eq!(table.columns(), ["u"]);
    assert_eq!(
        table.notes(),
        [r#"Excel, sheet "Users"; the others are "Hidden", "Staff 2026", "Nothing", "Empty""#]
    );
    assert_eq!(of("Staff 2026").unwrap().columns(), ["s"]);
    assert_eq!(of("staff 2026").unwrap().columns(), ["s"]);
    assert_eq!(of("Hidden").unwrap().columns(), ["h"]);
    assert_eq!(
        of("Staff 2025").err().unwrap().to_string(),
        "the workbook has no sheet \"Staff 2025\"; did you mean \"Staff 2026\"? Its sheets are \"Hidden\", \
         \"Users\", \"Staff 2026\", \"Nothing\", \"Empty\""
    );
    assert!(matches!(of("Empty"), Err(TableError::Empty)));
    let wrong = Table::open(&path, &named("utf-8")).err().unwrap();
    assert!(matches!(wrong, TableError::NotForExcel), "{wrong}");
    let wrong = refusal("a\n", &TableOptions { sheet: Some("Users".to_owned()), ..options() });
    assert_eq!(wrong, TableError::NoSheets.to_string());
}

#[test]
fn headers_of_sheets_are_checked() {
    let mut workbook = Workbook::new();
    let sheet = workbook.add_worksheet();
    for (column, name) in [(0, "a"), (1, "b"), (27, "a")] {
        sheet.write(4, column, name).unwrap();
    }
    sheet.write(4, 2, Formula::new("=1/0").set_result("#DIV/0!")).unwrap();
    let (_directory, path) = saved(workbook);
    let message = Table::open(&path, &options()).err().unwrap().to_string();
    assert_eq!(
        message,
        "the header cannot be used (row 5):\n  cell C5 is #DIV/0!; correct its formula\n  \
         columns A and AB are all called \"a\"; rename all but one"
    );
    let mut workbook = Workbook::new();
    workbook.add_worksheet().write(0, 1_000, "far").unwrap();
    let (_directory, path) = saved(workbook);
    let message = Table::open(&path, &options()).err().unwrap().to_string();
    assert!(message.ends_with("it has 1001 columns; at most 1000 can be read"), "{message}");
}

#[test]
fn a_sheet_of_many_rows_arrives_in_order_and_can_be_left() {
    let mut workbook = Workbook::new();
    let sheet = workbook.add_worksheet();
    sheet.write(0, 0, "n").unwrap();
    for row in 1..=5_000 {
        sheet.write(row, 0, row).unwrap();
    }
    sheet.write(5_001, 0, "x".repeat(30_000)).unwrap();
    for column in 0..3 {
        sheet.write(5_002, column, "x".repeat(30_000)).unwrap();
    }
    let (_directory, path) = saved(workbook);
    let mut table = Table::open(&path, &options()).unwrap();
    for row in 1..=5_000_u64 {
        let found = table.next().unwrap().unwrap();
        assert_eq!((found.line, found.cells), (row + 1, vec![row.to_string()]));
    }
    table.next().unwrap().unwrap();
    let error = table.next().unwrap().unwrap_err();
    assert_eq!(error.to_string(), "row 5003 holds more than 64 KiB of text; no row may");
    assert!(table.next().is_none());
    Table::open(&path, &options()).unwrap().next();
}

/// A Compound File (MS-CFB) that holds nothing but the name of one stream: the header, a sector of the allocation table
/// and one of the directory.
fn compound(stream: &str) -> Vec<u8> {
    const END: u32 = 0xffff_fffe;
    let mut file = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".to_vec();
    file.resize(24, 0);
    for half in [0x3e_u16, 3, 0xfffe, 9, 6, 0, 0, 0] {
        file.extend(half.to_le_bytes());
    }
    for word in [0, 1, 1, 0, 4096, END, 0, END, 0, 0] {
        file.extend(word.to_le_bytes());
    }
    file.resize(512, 0xff);
    file.extend(0xffff_fffd_u32.to_le_bytes());
    file.extend(END.to_le_bytes());
    file.resize(1024, 0xff);
    for (name, kind) in [("Root Entry", 5), (stream, 2)] {
        let mut entry = utf_16(name, u16::to_le_bytes);
        let length = u8::try_from(entry.len() + 2).unwrap();
        entry.resize(64, 0);
        entry.extend([length, 0, kind, 1]);
        entry.resize(116, 0xff);
        entry.extend(END.to_le_bytes());
        entry.resize(128, 0);
        file.extend(entry);
    }
    file.resize(1536, 0);
    file
}

#[test]
fn what_is_no_workbook_is_told_apart() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("list.xlsx");
    let open = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        Table::open(&path, &options())
    };
    let old = [&b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"[..], &[0; 2_000]].concat();
    assert!(matches!(open(&old), Err(TableError::OldExcel)));
    assert!(matches!(open(&compound("Workbook")), Err(TableError::OldExcel)));
    assert!(matches!(open(&compound("EncryptedPackage")), Err(TableError::Protected)));
    assert!(matches!(open(b"PK\x03\x04 and so on"), Err(TableError::Workbook(_))));
    assert!(matches!(open(b"PK\x03\x04"), Err(TableError::Workbook(_))));
    // The name does not make it a workbook.
    assert_eq!(open(b"a,b\n").unwrap().columns(), ["a", "b"]);
    for start in [&b"PK\x03\x04..."[..], &old] {
        assert!(matches!(
            Table::read(Cursor::new(start.to_vec()), &options()),
            Err(TableError::ExcelFromPipe)
        ));
    }

    let (_directory, whole) = saved(kinds());
    let whole = std::fs::read(whole).unwrap();
    for length in (0..whole.len()).step_by(97) {
        if let Ok(table) = open(&whole[..length]) {
            table.for_each(drop);
        }
    }
    for at in (4..whole.len()).step_by(53) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x55;
        if let Ok(table) = open(&damaged) {
            table.for_each(drop);
        }
    }
}

fn options_of_any_kind() -> impl Strategy<Value = TableOptions> {
    let encodings = vec!["utf-8", "utf-16le", "windows-1252", "shift_jis", "iso-2022-jp", "gb18030"];
    (
        proptest::option::of(proptest::sample::select(encodings)),
        proptest::option::of(any::<u8>()),
        proptest::option::of(proptest::sample::select(&[Quote::Double, Quote::Single, Quote::None][..])),
    )
        .prop_map(|(encoding, delimiter, quote)| TableOptions {
            encoding: encoding.map(str::to_owned),
            delimiter,
            quote,
            ..options()
        })
}

fn ends(bytes: &[u8], options: &TableOptions) {
    let Ok(mut table) = Table::read(Cursor::new(bytes.to_vec()), options) else { return };
    let columns = table.columns().len();
    let mut line = 0;
    for row in &mut table {
        let Ok(row) = row else { break };
        assert!(row.cells.len() == columns || row.fault.is_some());
        assert!(row.line >= line, "line {} after line {line}", row.line);
        line = row.line;
    }
    assert!(table.next().is_none());
}

proptest! {
    #[test]
    fn any_bytes_come_to_an_end(bytes in proptest::collection::vec(any::<u8>(), 0..600), options in options_of_any_kind()) {
        ends(&bytes, &options);
        ends(&bytes, &TableOptions::default());
    }

    #[test]
    fn anything_like_csv_comes_to_an_end(
        bytes in proptest::collection::vec(proptest::sample::select(&b"ab,;\t|\"'\r\n\n =\0\xc3\xbc\xef\xfe\xff"[..]), 0..300),
        options in options_of_any_kind(),
    ) {
        ends(&bytes, &options);
        ends(&bytes, &TableOptions::default());
    }
}
