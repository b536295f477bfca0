use std::io::Write;

use super::lines::find_line_end;

/// Appends one event. Data with line breaks is spread over several `data` lines, from which the
/// receiver puts it together again; CR and CRLF arrive there as LF. Data should be UTF-8.
pub fn encode(out: &mut Vec<u8>, id: Option<u64>, data: &[u8]) {
    encode_named(out, None, id, data);
}

/// Appends one event of a type, which must be a name without line breaks; what follows one is left
/// out. No type is the default, `message`.
pub fn encode_named(out: &mut Vec<u8>, event: Option<&str>, id: Option<u64>, data: &[u8]) {
    out.reserve(data.len() + 40);
    if let Some(event) = event {
        let event = event.split(['\r', '\n']).next().unwrap_or_default();
        out.extend_from_slice(b"event: ");
        out.extend_from_slice(event.as_bytes());
        out.push(b'\n');
    }
    if let Some(id) = id {
        // Writing into a Vec cannot fail.
        let _ = writeln!(out, "id: {id}");
    }
    for_each_line(data, |line| {
        out.extend_from_slice(b"data: ");
        out.extend_from_slice(line);
        out.push(b'\n');
    });
    out.push(b'\n');
}

/// Appends a comment, which receivers skip: it keeps an idle connection from being cut.
///
/// The empty line after it is not required, but intermediaries that pass on whole events only
/// would hold the comment back without it.
pub fn encode_comment(out: &mut Vec<u8>, text: &str) {
    for_each_line(text.as_bytes(), |line| {
        out.push(b':');
        if !line.is_empty() {
            out.push(b' ');
            out.extend_from_slice(line);
        }
        out.push(b'\n');
    });
    out.push(b'\n');
}

/// Calls `each` at least once: text without a line break is one line, if an empty one.
fn for_each_line(mut text: &[u8], mut each: impl FnMut(&[u8])) {
    while let Some((line, rest)) = find_line_end(text).and_then(|end| text.split_at_checked(end)) {
        each(line);
        text = match rest {
            [b'\r', b'\n', rest @ ..] | [_, rest @ ..] => rest,
            [] => rest,
        };
    }
    each(text);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_have_the_exact_form() {
        for (id, data, text) in [
            (Some(12), "{}", "id: 12\ndata: {}\n\n"),
            (None, "", "data: \n\n"),
            (None, "a\nb", "data: a\ndata: b\n\n"),
            (None, "a\r\nb\rc", "data: a\ndata: b\ndata: c\n\n"),
            (None, "\n\r", "data: \ndata: \ndata: \n\n"),
            (None, "a\n", "data: a\ndata: \n\n"),
            (None, "x\n\nid: 5", "data: x\ndata: \ndata: id: 5\n\n"),
        ] {
            let mut out = Vec::new();
            encode(&mut out, id, data.as_bytes());
            assert_eq!(out, text.as_bytes());
        }
    }

    #[test]
    fn an_event_type_comes_first_and_cannot_smuggle_in_a_field() {
        for (event, text) in
            [("error", "event: error\nid: 3\ndata: {}\n\n"), ("a\rdata: b\n", "event: a\nid: 3\ndata: {}\n\n")]
        {
            let mut out = Vec::new();
            encode_named(&mut out, Some(event), Some(3), b"{}");
            assert_eq!(out, text.as_bytes());
        }
    }

    #[test]
    fn a_comment_cannot_smuggle_in_a_field() {
        for (comment, text) in [("", ":\n\n"), ("keep-alive", ": keep-alive\n\n"), ("a\rdata: b", ": a\n: data: b\n\n")]
        {
            let mut out = Vec::new();
            encode_comment(&mut out, comment);
            assert_eq!(out, text.as_bytes());
        }
    }
}
