//! Rows of a sheet in an Excel workbook (.xlsx).
//!
//! The sheet's reader borrows from the workbook, so both live on a thread of their own, which parses some rows ahead of
//! those that are asked for. Only the workbook's table of shared strings is in memory as a whole: the format demands
//! it. Whatever a damaged file does to the parser ends that thread, no other.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use super::error::TableError;
use super::header::{Header, LOOKED_AT, Look, find_header, note_title, too_many};
use super::options::{HiddenCells, MAX_COLUMNS, TableOptions};
use super::row::{REPLACEMENT, Row};
use super::sheet::{CellFault, Merged, SheetReader, SheetRow, letters};
use super::workbook::{Workbook, list};
use rollcall_domain::restore;

/// How many batches of rows wait to be asked for, and how much is in one: rows, or bytes of text.
const BATCHES: usize = 4;
const BATCH_ROWS: usize = 256;
const BATCH_BYTES: u64 = 64 * 1024;
/// The stream of an encrypted workbook, as a Compound File's directory names it (MS-OFFCRYPTO, 2.3.2).
const ENCRYPTED: &str = "EncryptedPackage";

pub(super) struct Excel {
    batches: Receiver<Result<Batch, TableError>>,
    parser: Option<thread::JoinHandle<()>>,
    batch: std::vec::IntoIter<SheetRow>,
    /// Rows that were read to find the header.
    ahead: VecDeque<SheetRow>,
    /// The error that ended the search for the header; it is returned after the rows in `ahead`.
    failed: Option<TableError>,
    /// The notes that came after the last row.
    ended: Vec<String>,
    position: Arc<AtomicU64>,
    last_row: u64,
}

/// A message of the parser thread.
enum Batch {
    /// Rows that are not blank.
    Rows(Vec<SheetRow>),
    /// The end of the rows, with notes on all of them.
    End(Vec<String>),
}

/// The sheet that was opened.
struct Opened {
    sheet: String,
    others: Vec<String>,
    /// The columns that are hidden and read: the first and the last of each run.
    hidden_columns: Vec<(u32, u32)>,
}

/// The error for a Compound File: an encrypted workbook, or one of Excel before 2007.
pub(super) fn compound(file: File) -> TableError {
    let name: Vec<u8> = ENCRYPTED.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let mut file = BufReader::new(file);
    let mut bytes = Vec::new();
    loop {
        let keep = bytes.len().saturating_sub(name.len());
        bytes.drain(..keep);
        match file.by_ref().take(BATCH_BYTES).read_to_end(&mut bytes) {
            Err(error) => return TableError::Read(error),
            Ok(_) if bytes.windows(name.len()).any(|window| window == name) => return TableError::Protected,
            Ok(0) => return TableError::OldExcel,
            Ok(_) => {}
        }
    }
}

impl Excel {
    /// Opens a workbook and reads the header of the sheet.
    pub(super) fn open(
        file: File,
        options: &TableOptions,
        notes: &mut Vec<String>,
    ) -> Result<(Self, Header), TableError> {
        let position = Arc::new(AtomicU64::new(0));
        let file = BufReader::new(Positioned { inner: file, offset: 0, position: position.clone() });
        let (opened_out, opened_in) = sync_channel(1);
        let (out, batches) = sync_channel(BATCHES);
        let (sheet, hidden) = (options.sheet.clone(), options.hidden);
        let parser = thread::Builder::new()
            .name("excel".to_owned())
            .spawn(move || parse(file, sheet.as_deref(), hidden, &opened_out, &out))
            .map_err(TableError::Read)?;
        let opened = opened_in
            .recv()
            .unwrap_or_else(|_| Err(TableError::Workbook("its parts make no sense together".to_owned())))?;
        let mut excel = Self {
            batches,
            parser: Some(parser),
            batch: Vec::new().into_iter(),
            ahead: VecDeque::new(),
            failed: None,
            ended: Vec::new(),
            position,
            last_row: 0,
        };
        let (first, title) = excel.find_header(options.header_row)?;
        notes.push(match opened.others.as_slice() {
            [] => format!("Excel, sheet {:?}", opened.sheet),
            others => format!("Excel, sheet {:?}; the others are {}", opened.sheet, list(others)),
        });
        if let Some(title) = title {
            note_title(&format!("in row {}", first.number), &title, notes);
        }
        let hidden = hidden_columns(&opened.hidden_columns, &first);
        notes.extend(hidden.iter().map(|columns| format!("{columns} and read")));
        match (header(first, notes), hidden) {
            (Ok(header), _) => Ok((excel, header)),
            // Two columns of one name are a riddle if only one is seen.
            (Err(TableError::Header { place, mut faults }), Some(columns)) => {
                faults.push(format!("{columns}: hidden columns can be skipped"));
                Err(TableError::Header { place, faults })
            }
            (Err(error), _) => Err(error),
        }
    }

    pub(super) fn bytes_read(&self) -> u64 {
        self.position.load(Ordering::Relaxed)
    }

    /// The next row that is not blank. At the end, notes are added about all of them.
    pub(super) fn next_row(
        &mut self,
        header: &mut Header,
        notes: &mut Vec<String>,
    ) -> Result<Option<Row>, TableError> {
        let row = self.advance()?;
        if row.is_none() {
            notes.append(&mut self.ended);
        }
        Ok(row.map(|row| row.under(header)))
    }

    /// Reads up to the header; with it the first cell of what stands above it, if anything was passed.
    fn find_header(&mut self, header_row: Option<u64>) -> Result<(SheetRow, Option<String>), TableError> {
        if let Some(row) = header_row {
            while let Some(found) = self.advance()? {
                if found.number >= row {
                    return if found.number == row {
                        Ok((found, None))
                    } else {
                        Err(TableError::HeaderRow { row })
                    };
                }
            }
            return Err(TableError::HeaderRow { row });
        }
        let mut ahead = VecDeque::new();
        while ahead.len() < LOOKED_AT {
            match self.advance() {
                Ok(Some(row)) => ahead.push_back(row),
                Ok(None) => break,
                Err(error) if ahead.is_empty() => return Err(error),
                Err(error) => {
                    self.failed = Some(error);
                    break;
                }
            }
        }
        let looks = ahead.iter().map(|row: &SheetRow| {
            // What is wrong with a cell is not a name, but it is there.
            Look::new(row.cells.values().map(|cell| cell.as_deref().unwrap_or("?")))
        });
        let header = find_header(looks);
        let above: Vec<_> = ahead.drain(..header).collect();
        let first = ahead.pop_front().ok_or(TableError::Empty)?;
        self.ahead = ahead;
        let title = above.into_iter().next().and_then(|row| {
            let mut filled = row.cells.into_values().filter_map(Result::ok);
            filled.find(|text| !text.trim().is_empty())
        });
        Ok((first, title))
    }

    fn advance(&mut self) -> Result<Option<SheetRow>, TableError> {
        if let Some(row) = self.ahead.pop_front() {
            return Ok(Some(row));
        }
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        loop {
            if let Some(row) = self.batch.next() {
                self.last_row = row.number;
                return Ok(Some(row));
            }
            match self.batches.recv() {
                Ok(Ok(Batch::Rows(rows))) => self.batch = rows.into_iter(),
                Ok(Ok(Batch::End(notes))) => self.ended = notes,
                Ok(Err(error)) => return Err(error),
                // The thread has ended.
                Err(_) => {
                    return match self.parser.take().map(thread::JoinHandle::join) {
                        Some(Err(_)) => Err(TableError::Damaged {
                            row: self.last_row,
                            why: "what follows makes no sense".to_owned(),
                        }),
                        _ => Ok(None),
                    };
                }
            }
        }
    }
}

fn header(mut first: SheetRow, notes: &mut Vec<String>) -> Result<Header, TableError> {
    let place = format!("row {}", first.number);
    // Blanks far right are no column.
    let is_filled =
        |cell: &Result<String, CellFault>| cell.as_ref().is_ok_and(|name| !name.trim().is_empty());
    let last = first.cells.iter().rfind(|(_, cell)| is_filled(cell)).or(first.cells.iter().next_back());
    let width = last.map_or(0, |(last, _)| *last as usize + 1);
    if width > MAX_COLUMNS {
        return Err(TableError::Header { place, faults: vec![too_many(width)] });
    }
    let mut faults = Vec::new();
    let cells: Vec<_> = (0..=u32::MAX)
        .take(width)
        .map(|column| match first.cells.remove(&column) {
            None => String::new(),
            Some(Ok(name)) => restore(&name).to_owned(),
            Some(Err(CellFault { why, .. })) => {
                faults.push(format!("cell {}{} {why}", letters(column), first.number));
                String::new()
            }
        })
        .collect();
    let name_place = |at| letters(u32::try_from(at).unwrap_or(u32::MAX));
    let header = Header::new(place, &cells, faults, name_place, notes)?;
    Ok(header.on_line(first.number))
}

/// Which of the named columns are hidden, as the beginning of a sentence.
fn hidden_columns(hidden: &[(u32, u32)], header: &SheetRow) -> Option<String> {
    let is_hidden = |column: u32| hidden.iter().any(|(first, last)| (*first..=*last).contains(&column));
    let names: Vec<_> = header
        .cells
        .iter()
        .filter_map(|(column, cell)| Some((*column, cell.as_deref().ok()?.trim())))
        .filter(|(column, name)| is_hidden(*column) && !name.is_empty())
        .map(|(column, name)| format!("{} ({name:?})", letters(column)))
        .collect();
    match names.as_slice() {
        [] => None,
        [one] => Some(format!("column {one} is hidden in the sheet")),
        many => Some(format!("columns {} are hidden in the sheet", many.join(", "))),
    }
}

impl SheetRow {
    /// The row as one under `header`.
    fn under(mut self, header: &mut Header) -> Row {
        let at = |column: u32| format!("cell {}{}", letters(column), self.number);
        let width = header.width();
        // Blanks there and formulas with an empty result are no fault.
        let is_filled =
            |cell: &Result<String, CellFault>| cell.as_ref().is_ok_and(|text| !text.trim().is_empty());
        let beyond = self.cells.iter().rfind(|(column, cell)| **column as usize >= width && is_filled(cell));
        let mut fault = beyond.map(|(last, _)| {
            format!("{} is not empty, but the header has no column {}", at(*last), letters(*last))
        });
        let is_misfit = fault.is_some();
        let mut cells = Vec::with_capacity(header.places().len());
        let mut ignored = Vec::new();
        for (at, &place) in header.places().iter().enumerate() {
            let column = u32::try_from(place).unwrap_or(u32::MAX);
            let (text, wrong) = match self.cells.remove(&column) {
                None => (String::new(), None),
                Some(Ok(text)) => {
                    let nul = || CellFault {
                        why: "holds a NUL character".to_owned(),
                        shown: text.replace('\0', REPLACEMENT),
                    };
                    let fault = text.contains('\0').then(nul);
                    (text, fault)
                }
                Some(Err(fault)) => (String::new(), Some(fault)),
            };
            let wrong = match wrong {
                Some(fault) if !is_misfit && header.may_have_fault(at) => {
                    ignored.push(at);
                    cells.push(fault.shown);
                    continue;
                }
                wrong => wrong.map(|fault| fault.why),
            };
            if let (None, Some(why)) = (&fault, wrong) {
                fault = Some(format!("cell {}{} {why}", letters(column), self.number));
            }
            cells.push(text);
        }
        if fault.is_none() {
            header.note_ignored(&ignored);
        }
        Row { line: self.number, cells, fault }
    }
}

/// What the thread does: opens the workbook, says so, and sends rows until they end or nobody wants them.
fn parse(
    file: BufReader<Positioned>,
    sheet: Option<&str>,
    hidden: Option<HiddenCells>,
    opened: &SyncSender<Result<Opened, TableError>>,
    out: &SyncSender<Result<Batch, TableError>>,
) {
    // Whom a send does not reach, an error does not concern.
    let chosen = Workbook::open(file).and_then(|workbook| Ok((workbook.choose(sheet)?, workbook)));
    let (chosen, mut workbook) = match chosen {
        Ok(chosen) => chosen,
        Err(error) => {
            let _ = opened.send(Err(error));
            return;
        }
    };
    let sheet = workbook.sheet(&chosen).and_then(|(xml, context)| SheetReader::new(xml, context));
    let mut sheet = match sheet {
        Ok(sheet) => sheet,
        Err(error) => {
            let _ = opened.send(Err(error.of_workbook()));
            return;
        }
    };
    let hidden_columns = match hidden {
        Some(HiddenCells::Skip) => Vec::new(),
        _ => sheet.hidden_columns().to_vec(),
    };
    let _ = opened.send(Ok(Opened {
        sheet: chosen.sheet.clone(),
        others: chosen.others.clone(),
        hidden_columns,
    }));
    let mut rows = Vec::new();
    if let Err(error) = send_rows(&mut sheet, hidden, &mut rows, out) {
        let _ = out.send(Ok(Batch::Rows(rows)));
        let _ = out.send(Err(error));
    }
}

fn send_rows<R: Read + Seek>(
    sheet: &mut SheetReader<'_, R>,
    hidden: Option<HiddenCells>,
    rows: &mut Vec<SheetRow>,
    out: &SyncSender<Result<Batch, TableError>>,
) -> Result<(), TableError> {
    let skipped = match hidden {
        Some(HiddenCells::Skip) => sheet.hidden_columns().to_vec(),
        _ => Vec::new(),
    };
    let (mut bytes, mut hidden_rows, mut first_hidden) = (0, 0_u64, 0);
    while let Some(mut row) = sheet.next_row()? {
        for (first, last) in &skipped {
            row.cells.retain(|column, _| !(*first..=*last).contains(column));
        }
        if row.is_blank() {
            continue;
        }
        if row.is_hidden {
            hidden_rows += 1;
            if hidden_rows == 1 {
                first_hidden = row.number;
            }
            if hidden == Some(HiddenCells::Skip) {
                continue;
            }
        }
        // Once one is hidden, the others are only counted.
        if hidden.is_none() && hidden_rows > 0 {
            continue;
        }
        bytes += row.bytes;
        rows.push(row);
        if rows.len() >= BATCH_ROWS || bytes >= BATCH_BYTES {
            bytes = 0;
            if out.send(Ok(Batch::Rows(std::mem::take(rows)))).is_err() {
                return Ok(());
            }
        }
    }
    if hidden.is_none() && hidden_rows > 0 {
        return Err(TableError::Hidden { rows: hidden_rows, first: first_hidden });
    }
    let _ = out.send(Ok(Batch::Rows(std::mem::take(rows))));
    let _ = out.send(Ok(Batch::End(notes(sheet.merged(), hidden, hidden_rows, &skipped))));
    Ok(())
}

/// Writes the notes on a sheet once all its rows are read.
fn notes(
    merged: &Merged,
    hidden: Option<HiddenCells>,
    hidden_rows: u64,
    skipped: &[(u32, u32)],
) -> Vec<String> {
    let mut notes = Vec::new();
    let what = if hidden == Some(HiddenCells::Skip) { "left out" } else { "read" };
    match hidden_rows {
        0 => {}
        1 => notes.push(format!("1 row is hidden in the sheet and is {what}")),
        many => notes.push(format!("{many} rows are hidden in the sheet and are {what}")),
    }
    let runs: Vec<_> = skipped
        .iter()
        .map(|(first, last)| match first == last {
            true => letters(*first),
            false => format!("{} to {}", letters(*first), letters(*last)),
        })
        .collect();
    if !runs.is_empty() {
        notes.push(format!("hidden columns are left out: {}", runs.join(", ")));
    }
    if merged.count > 0 {
        let more = if merged.count > merged.first.len() as u64 { ", …" } else { "" };
        notes.push(format!(
            "cells are merged ({}{more}): of merged cells only the first has a value",
            merged.first.join(", ")
        ));
    }
    notes
}

/// A file that lets others know where it is read.
struct Positioned {
    inner: File,
    offset: u64,
    position: Arc<AtomicU64>,
}

impl Read for Positioned {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.offset += count as u64;
        self.position.store(self.offset, Ordering::Relaxed);
        Ok(count)
    }
}

impl Seek for Positioned {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.offset = self.inner.seek(to)?;
        Ok(self.offset)
    }
}
