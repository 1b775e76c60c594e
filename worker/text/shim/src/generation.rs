//! `{% generation %}`, which Transformers adds to Jinja and minijinja does not
//! know: rewritten to a filter that changes nothing, whose place in the output
//! minijinja reports. No marks are put into the text, so that no message can
//! fake them.

/// The filter; its source text is how its output is found.
pub const FILTER: &str = "__generation__";

/// The source with every generation block rewritten, and whether there was one.
/// Comments, raw blocks and strings are left alone.
pub fn rewrite(source: &str) -> (String, bool) {
    let bytes = source.as_bytes();
    let mut out = String::with_capacity(source.len() + 64);
    let (mut copied, mut at) = (0, 0);
    let (mut found, mut raw) = (false, false);
    while at + 1 < bytes.len() {
        match (bytes[at], bytes[at + 1]) {
            (b'{', b'#') if !raw => at = end_of_comment(source, at + 2),
            (b'{', b'{') if !raw => at = end_of_tag(bytes, at + 2, b"}}"),
            (b'{', b'%') => {
                let tag = Tag::at(source, at);
                if raw {
                    raw = tag.word != "endraw";
                    at = tag.word_end.max(at + 2);
                    continue;
                }
                raw = tag.word == "raw";
                if let Some(replacement) = tag.replacement() {
                    out.push_str(&source[copied..tag.word_begin]);
                    out.push_str(&replacement);
                    copied = tag.word_end;
                    found = true;
                }
                at = tag.end;
            }
            _ => at += 1,
        }
    }
    out.push_str(&source[copied..]);
    (out, found)
}

/// `{%- word rest -%}`.
struct Tag<'a> {
    word: &'a str,
    word_begin: usize,
    word_end: usize,
    rest: &'a str,
    end: usize,
}

impl<'a> Tag<'a> {
    fn at(source: &'a str, begin: usize) -> Self {
        let bytes = source.as_bytes();
        let skip = |mut at: usize, wanted: fn(u8) -> bool| {
            while at < bytes.len() && wanted(bytes[at]) {
                at += 1;
            }
            at
        };
        let marked =
            begin + 2 < bytes.len() && b"-+".contains(&bytes[begin + 2]);
        let word_begin =
            skip(begin + 2 + usize::from(marked), |b| b.is_ascii_whitespace());
        let word_end =
            skip(word_begin, |b| b.is_ascii_alphanumeric() || b == b'_');
        let end = end_of_tag(bytes, word_end, b"%}");
        Tag {
            word: &source[word_begin..word_end],
            word_begin,
            word_end,
            rest: source.get(word_end..end).unwrap_or(""),
            end,
        }
    }

    /// The scope of `with` is what a generation block has in Jinja.
    fn replacement(&self) -> Option<String> {
        let nothing = |c: char| c.is_ascii_whitespace() || "-+%}".contains(c);
        if !self.rest.trim_matches(nothing).is_empty() {
            return None;
        }
        match self.word {
            "generation" => Some(format!("with %}}{{% filter {FILTER}")),
            "endgeneration" => Some("endfilter %}{% endwith".into()),
            _ => None,
        }
    }
}

fn end_of_comment(source: &str, at: usize) -> usize {
    source
        .get(at..)
        .and_then(|rest| rest.find("#}"))
        .map_or(source.len(), |n| at + n + 2)
}

/// After `close`, which does not count inside quotes.
fn end_of_tag(bytes: &[u8], mut at: usize, close: &[u8; 2]) -> usize {
    let mut quote = None;
    while at < bytes.len() {
        match (quote, bytes[at]) {
            (Some(_), b'\\') => at += 1,
            (Some(q), b) if q == b => quote = None,
            (None, b @ (b'\'' | b'"')) => quote = Some(b),
            (None, _) if bytes[at..].starts_with(close) => return at + 2,
            _ => {}
        }
        at += 1;
    }
    bytes.len()
}
