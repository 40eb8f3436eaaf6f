//! Pages as tests compare them.

/// Elements that stand in running text: white space beside them is seen.
const INLINE: &[&str] =
    &["a", "abbr", "code", "del", "em", "input", "ins", "kbd", "mark", "select", "small", "span", "strong"];
/// Elements that keep their white space.
const VERBATIM: &[&str] = &["pre", "textarea"];

/// Writes a page without the white space that browsers do not show, and all attributes in double quotation marks, so that
/// a test does not depend on how its template is laid out.
///
/// Pages must be well formed: nothing else is recognised.
#[must_use]
pub fn compact_html(page: &str) -> String {
    let mut compact = String::with_capacity(page.len());
    let mut rest = page;
    // Whether white space before what follows would be shown.
    let mut shown = false;
    while let Some(begin) = rest.find('<') {
        let (text, tag) = rest.split_at(begin);
        let tag = &tag[..end_of_tag(tag)];
        rest = &rest[begin + tag.len()..];
        let name = tag.trim_start_matches(['<', '/']);
        let name = &name[..name.find(|c: char| !c.is_ascii_alphanumeric() && c != '-').unwrap_or(name.len())];
        let inline = INLINE.contains(&name);
        push_text(&mut compact, text, shown, inline);
        push_tag(&mut compact, tag);
        shown = inline && !compact.ends_with(char::is_whitespace);
        if VERBATIM.contains(&name) && !tag.starts_with("</") {
            let end = rest.find(&format!("</{name}")).unwrap_or(rest.len());
            compact.push_str(&rest[..end]);
            rest = &rest[end..];
        }
    }
    push_text(&mut compact, rest, shown, false);
    compact
}

/// The length of the tag that a text begins with; a `>` in an attribute does not end it.
fn end_of_tag(text: &str) -> usize {
    let mut quote = None;
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if open == c => quote = None,
            (None, '>') => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// Adds a text with single spaces, which stay at its ends only where they are `shown_before` and `shown_after`.
fn push_text(compact: &mut String, text: &str, shown_before: bool, shown_after: bool) {
    let words: Vec<_> = text.split_ascii_whitespace().collect();
    let spaced = |at_end: Option<char>| at_end.is_some_and(|c| c.is_ascii_whitespace());
    if words.is_empty() {
        if shown_before && shown_after && !text.is_empty() {
            compact.push(' ');
        }
        return;
    }
    if shown_before && spaced(text.chars().next()) {
        compact.push(' ');
    }
    compact.push_str(&words.join(" "));
    if shown_after && spaced(text.chars().next_back()) {
        compact.push(' ');
    }
}

/// Adds a tag with single spaces between its attributes.
fn push_tag(compact: &mut String, tag: &str) {
    let mut quote = None;
    let mut spaces = false;
    for c in tag.chars() {
        match quote {
            None if c.is_ascii_whitespace() => spaces = true,
            None => {
                if std::mem::take(&mut spaces) && c != '>' {
                    compact.push(' ');
                }
                quote = matches!(c, '"' | '\'').then_some(c);
                compact.push(if c == '\'' { '"' } else { c });
            }
            Some(open) if open == c => {
                quote = None;
                compact.push('"');
            }
            Some(_) => compact.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::compact_html;

    #[test]
    fn white_space_is_removed_only_where_browsers_do_not_show_it() {
        let page = "<ul>\n  <li\n    class='a b'\n    id=\"x\"\n  >\n    one <strong>two</strong>\n    three\n  </li>\n</ul>\n";
        assert_eq!(
            compact_html(page),
            "<ul><li class=\"a b\" id=\"x\">one <strong>two</strong> three</li></ul>"
        );
        assert_eq!(compact_html("<p><a>1</a>\n<a>2</a><a>3</a> </p>"), "<p><a>1</a> <a>2</a><a>3</a></p>");
        assert_eq!(compact_html("<div>\n<pre>a\n  b</pre>\n</div>"), "<div><pre>a\n  b</pre></div>");
        assert_eq!(compact_html("<option selected >\nx\n</option >"), "<option selected>x</option>");
        assert_eq!(compact_html("<i title='a > b'>\tc  d</i>"), "<i title=\"a > b\">c d</i>");
    }
}
