//! An Excel workbook (.xlsx): which sheets it has, and what their cells refer to.
//!
//! Source: ECMA-376, part 1 (SpreadsheetML) and part 2 (packages).

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Seek};

use quick_xml::events::Event;
use rollcall_domain::did_you_mean;
use zip::ZipArchive;
use zip::read::ZipFile;

use super::error::TableError;
use super::number_format::NumberFormat;
use super::xml::{Broken, Xml, attribute, is_true};

/// The maximum size of all shared texts in bytes. They are in memory as a whole, since cells refer to them in
/// any order.
const MAX_TEXTS: usize = 256 * 1024 * 1024;
/// The maximum number of cell styles; Excel knows 64,000.
const MAX_STYLES: usize = 100_000;
/// The maximum number of sheets.
const MAX_SHEETS: usize = 10_000;

/// A part of a workbook that is read.
pub(super) type Part<'a, R> = Xml<BufReader<ZipFile<'a, R>>>;

/// A workbook that is open.
pub(super) struct Workbook<R> {
    archive: ZipArchive<R>,
    /// The place of each part in the archive, by its path in lower case.
    parts: HashMap<String, usize>,
    sheets: Vec<Sheet>,
    context: Context,
}

/// The data of a workbook that cells refer to.
#[derive(Debug, Default)]
pub(super) struct Context {
    pub(super) texts: Texts,
    /// By the number of the style.
    pub(super) formats: Vec<NumberFormat>,
    /// Whether days are counted from 1904.
    pub(super) is_1904: bool,
    /// Whether the program that wrote the file has calculated nothing.
    pub(super) is_uncalculated: bool,
}

/// A sheet with cells.
#[derive(Debug)]
struct Sheet {
    name: String,
    path: String,
    is_visible: bool,
}

/// The sheet that was chosen.
pub(super) struct Chosen {
    pub(super) sheet: String,
    pub(super) others: Vec<String>,
    path: String,
}

/// Texts that cells share, one behind the other.
#[derive(Debug, Default)]
pub(super) struct Texts {
    all: String,
    ends: Vec<usize>,
}

impl Texts {
    /// The text with this number.
    pub(super) fn get(&self, number: usize) -> Option<&str> {
        let end = *self.ends.get(number)?;
        let start = number.checked_sub(1).map_or(0, |before| self.ends[before]);
        self.all.get(start..end)
    }
}

/// A file in the package that another one refers to.
struct Relationship {
    target: String,
    kind: String,
}

impl<R: Read + Seek> Workbook<R> {
    /// Opens a workbook.
    pub(super) fn open(file: R) -> Result<Self, TableError> {
        Self::read(file).map_err(Broken::of_workbook)
    }

    fn read(file: R) -> Result<Self, Broken> {
        let archive = ZipArchive::new(file).map_err(zip_error)?;
        let mut parts = HashMap::new();
        for number in 0..archive.len() {
            if let Some(Ok(name)) = archive.name_for_index(number) {
                // Some programs write the paths of Windows.
                let name = name.replace('\\', "/").to_lowercase();
                parts.insert(name.trim_start_matches('/').to_owned(), number);
            }
        }
        let mut workbook = Self { archive, parts, sheets: Vec::new(), context: Context::default() };
        let main = workbook.main()?;
        let relationships = workbook.relationships(&main)?;
        workbook.read_main(&main, &relationships)?;
        // Some programs do not say that they are there.
        let folder = main.rsplit_once('/').map_or("", |(folder, _)| folder);
        let of_kind = |kind: &str| {
            let found = relationships.values().find(|one| one.kind == kind);
            found.map_or_else(|| resolve(folder, &format!("{kind}.xml")), |one| one.target.clone())
        };
        workbook.read_styles(&of_kind("styles"))?;
        workbook.read_texts(&of_kind("sharedStrings"))?;
        Ok(workbook)
    }

    fn part(&mut self, path: &str) -> Result<Option<Part<'_, R>>, Broken> {
        let Some(number) = self.parts.get(path.to_lowercase().trim_start_matches('/')) else {
            return Ok(None);
        };
        let part = self.archive.by_index(*number).map_err(zip_error)?;
        Ok(Some(Xml::new(BufReader::new(part))))
    }

    /// The path of the part that names the sheets.
    fn main(&mut self) -> Result<String, Broken> {
        let package = self.relationships("")?;
        let named = package.into_values().find(|one| one.kind == "officeDocument").map(|one| one.target);
        let path = named.unwrap_or_else(|| "xl/workbook.xml".to_owned());
        if path.ends_with(".xml") && self.parts.contains_key(&path.to_lowercase()) {
            return Ok(path);
        }
        Err(Broken::damaged(if self.parts.contains_key("xl/workbook.bin") {
            "it is a binary workbook, .xlsb"
        } else if self.parts.contains_key("mimetype") {
            "it is an OpenDocument file, .ods or the like"
        } else {
            "it has no list of sheets"
        }))
    }

    /// Reads the relationships of the part at `path`, by their id.
    fn relationships(&mut self, path: &str) -> Result<HashMap<String, Relationship>, Broken> {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let (folder, list) = (folder.to_owned(), format!("{folder}/_rels/{name}.rels"));
        let mut found = HashMap::new();
        let Some(mut xml) = self.part(&list)? else { return Ok(found) };
        loop {
            match xml.next()? {
                Event::Start(start) if start.local_name().as_ref() == "Relationship" => {
                    let target = attribute(&start, "Target")?.unwrap_or_default();
                    let kind = attribute(&start, "Type")?.unwrap_or_default();
                    let kind = kind.rsplit('/').next().unwrap_or_default().to_owned();
                    let target = resolve(&folder, &target);
                    found.insert(attribute(&start, "Id")?.unwrap_or_default(), Relationship { target, kind });
                }
                Event::Eof => return Ok(found),
                _ => {}
            }
        }
    }

    fn read_main(&mut self, path: &str, relationships: &HashMap<String, Relationship>) -> Result<(), Broken> {
        let (mut sheets, mut is_1904, mut is_uncalculated) = (Vec::new(), false, false);
        let mut xml = self.part(path)?.ok_or_else(|| Broken::damaged("it has no list of sheets"))?;
        loop {
            match xml.next()? {
                Event::Start(start) => match start.local_name().as_ref() {
                    "sheet" => {
                        let id = attribute(&start, "id")?.unwrap_or_default();
                        let Some(found) = relationships.get(&id) else { continue };
                        // Others hold charts and dialogs.
                        if found.kind != "worksheet" {
                            continue;
                        }
                        let state = attribute(&start, "state")?;
                        sheets.push(Sheet {
                            name: attribute(&start, "name")?.unwrap_or_default(),
                            path: found.target.clone(),
                            is_visible: state.is_none_or(|state| state == "visible"),
                        });
                        if sheets.len() > MAX_SHEETS {
                            return Err(Broken::damaged("it has too many sheets"));
                        }
                    }
                    // An extension of the same name says nothing of days.
                    "workbookPr" => is_1904 |= is_true(attribute(&start, "date1904")?.as_deref()),
                    "calcPr" => is_uncalculated = is_true(attribute(&start, "fullCalcOnLoad")?.as_deref()),
                    _ => {}
                },
                Event::Eof => break,
                _ => {}
            }
        }
        drop(xml);
        self.sheets = sheets;
        (self.context.is_1904, self.context.is_uncalculated) = (is_1904, is_uncalculated);
        Ok(())
    }

    fn read_styles(&mut self, path: &str) -> Result<(), Broken> {
        let mut codes: HashMap<u32, NumberFormat> = HashMap::new();
        let mut formats = Vec::new();
        let Some(mut xml) = self.part(path)? else { return Ok(()) };
        let (mut in_codes, mut in_cells) = (false, false);
        loop {
            match xml.next()? {
                Event::Start(start) => match start.local_name().as_ref() {
                    "numFmts" => in_codes = true,
                    "cellXfs" => in_cells = true,
                    "numFmt" if in_codes => {
                        let id = attribute(&start, "numFmtId")?.and_then(|id| id.parse().ok());
                        if let (Some(id), Some(code)) = (id, attribute(&start, "formatCode")?) {
                            codes.insert(id, NumberFormat::parse(&code));
                        }
                    }
                    "xf" if in_cells => {
                        let id = attribute(&start, "numFmtId")?.and_then(|id| id.parse().ok()).unwrap_or(0);
                        let format = codes.get(&id).cloned();
                        formats.push(format.unwrap_or_else(|| NumberFormat::built_in(id)));
                    }
                    _ => {}
                },
                Event::End(end) => match end.local_name().as_ref() {
                    "numFmts" => in_codes = false,
                    "cellXfs" => in_cells = false,
                    _ => {}
                },
                Event::Eof => break,
                _ => {}
            }
            if codes.len().max(formats.len()) > MAX_STYLES {
                return Err(Broken::damaged("it has too many styles"));
            }
        }
        drop(xml);
        self.context.formats = formats;
        Ok(())
    }

    fn read_texts(&mut self, path: &str) -> Result<(), Broken> {
        let mut texts = Texts::default();
        let Some(mut xml) = self.part(path)? else { return Ok(()) };
        let mut text = String::new();
        loop {
            match xml.next()? {
                Event::Start(start) if start.local_name().as_ref() == "si" => {
                    read_rich_text(&mut xml, &mut text)?;
                    texts.all.push_str(&text);
                    texts.ends.push(texts.all.len());
                    let room = texts.all.len() + texts.ends.len() * size_of::<usize>();
                    if room > MAX_TEXTS {
                        let most = MAX_TEXTS / (1024 * 1024);
                        return Err(Broken::Damaged(format!("its texts take more than {most} MiB")));
                    }
                }
                Event::Eof => break,
                _ => {}
            }
        }
        drop(xml);
        self.context.texts = texts;
        Ok(())
    }

    /// The sheet to read: the one that is wanted, or the first that people see.
    pub(super) fn choose(&self, wanted: Option<&str>) -> Result<Chosen, TableError> {
        let names: Vec<_> = self.sheets.iter().map(|sheet| sheet.name.clone()).collect();
        let chosen = match wanted {
            // Excel allows no two names that differ in case alone.
            Some(wanted) => {
                let lower = wanted.to_lowercase();
                let exact = names.iter().position(|name| name == wanted);
                exact.or_else(|| names.iter().position(|name| name.to_lowercase() == lower)).ok_or_else(
                    || {
                        let hint = did_you_mean(wanted, names.iter().map(String::as_str))
                            .map_or_else(|| ".".to_owned(), |close| format!("; did you mean {close:?}?"));
                        TableError::Sheet { wanted: wanted.to_owned(), hint, sheets: list(&names) }
                    },
                )?
            }
            None => self.sheets.iter().position(|sheet| sheet.is_visible).unwrap_or(0),
        };
        let mut others = names;
        let Some(Sheet { path, .. }) = self.sheets.get(chosen) else {
            return Err(TableError::Workbook("it has no sheet".to_owned()));
        };
        Ok(Chosen { path: path.clone(), sheet: others.remove(chosen), others })
    }

    /// The XML of a sheet, and what its cells refer to.
    pub(super) fn sheet(&mut self, chosen: &Chosen) -> Result<(Part<'_, R>, &Context), Broken> {
        let Some(number) = self.parts.get(&chosen.path.to_lowercase()) else {
            return Err(Broken::Damaged(format!("the sheet {:?} is not in it", chosen.sheet)));
        };
        let part = self.archive.by_index(*number).map_err(zip_error)?;
        Ok((Xml::new(BufReader::new(part)), &self.context))
    }
}

/// Reads the text of an element such as `<si>` or `<is>`, whose start was read: all its pieces, but for how they are
/// pronounced.
pub(super) fn read_rich_text<R: BufRead>(xml: &mut Xml<R>, text: &mut String) -> Result<(), Broken> {
    text.clear();
    let (mut depth, mut piece) = (0_u32, String::new());
    loop {
        match xml.next()? {
            Event::Start(start) => {
                let name = match start.local_name().as_ref() {
                    "t" => Some(attribute(&start, "space")?.is_some_and(|space| space == "preserve")),
                    "rPh" => None,
                    _ => {
                        depth += 1;
                        continue;
                    }
                };
                drop(start);
                let Some(keeps_blanks) = name else {
                    xml.skip()?;
                    continue;
                };
                xml.read_text(&mut piece)?;
                let blanks = [' ', '\t', '\r', '\n'];
                unescape(if keeps_blanks { &piece } else { piece.trim_matches(blanks) }, text);
            }
            Event::End(_) if depth == 0 => return Ok(()),
            Event::End(_) => depth -= 1,
            Event::Eof => return Err(Broken::damaged("it ends too early")),
            _ => {}
        }
    }
}

/// Adds `from` to `to` with characters for `_x000D_` and the like, by which workbooks write what XML cannot.
pub(super) fn unescape(from: &str, to: &mut String) {
    let mut rest = from;
    let mut units = Vec::new();
    while let Some(at) = rest.find("_x") {
        let unit = rest.get(at + 2..at + 7).and_then(|code| code.strip_suffix('_'));
        let unit = unit.filter(|code| code.bytes().all(|digit| digit.is_ascii_hexdigit()));
        let unit = unit.and_then(|code| u16::from_str_radix(code, 16).ok());
        if at > 0 || unit.is_none() {
            to.extend(char::decode_utf16(units.drain(..)).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)));
        }
        match unit {
            Some(unit) => {
                to.push_str(&rest[..at]);
                units.push(unit);
                rest = &rest[at + 7..];
            }
            None => {
                to.push_str(&rest[..at + 2]);
                rest = &rest[at + 2..];
            }
        }
    }
    to.extend(char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)));
    to.push_str(rest);
}

/// The path of what a part in `folder` refers to.
fn resolve(folder: &str, target: &str) -> String {
    let target = target.replace('\\', "/");
    if let Some(absolute) = target.strip_prefix('/') {
        return absolute.to_owned();
    }
    let mut path: Vec<_> = folder.split('/').filter(|name| !name.is_empty()).collect();
    for name in target.split('/') {
        match name {
            "" | "." => {}
            ".." => {
                path.pop();
            }
            name => path.push(name),
        }
    }
    path.join("/")
}

pub(super) fn list(names: &[String]) -> String {
    names.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", ")
}

fn zip_error(error: zip::result::ZipError) -> Broken {
    match error {
        zip::result::ZipError::Io(error) => error.into(),
        other => Broken::Damaged(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_that_xml_cannot_hold_are_read() {
        for (from, expected) in [
            ("plain", "plain"),
            ("line1_x000D_\nline2", "line1\r\nline2"),
            ("_x0041_bc _x005F_x0041_", "Abc _x0041_"),
            ("_xD83D__xDE00_!", "\u{1f600}!"),
            ("_xD83D_", "\u{fffd}"),
            ("a_x_xyz_x12", "a_x_xyz_x12"),
            ("ä_x00e4_ö", "ääö"),
        ] {
            let mut to = String::new();
            unescape(from, &mut to);
            assert_eq!(to, expected, "{from}");
        }
    }

    #[test]
    fn parts_refer_to_others_by_path() {
        for (target, expected) in [
            ("worksheets/sheet1.xml", "xl/worksheets/sheet1.xml"),
            ("/xl/worksheets/sheet1.xml", "xl/worksheets/sheet1.xml"),
            ("../other/sheet1.xml", "other/sheet1.xml"),
            ("worksheets\\sheet1.xml", "xl/worksheets/sheet1.xml"),
            ("../../../x", "x"),
        ] {
            assert_eq!(resolve("xl", target), expected);
        }
    }
}
