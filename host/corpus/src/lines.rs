//! Lines of a file that may be anything: long without end, cut off, not text.

use std::io::{self, BufRead, ErrorKind};

/// Longest line that is read, in bytes.
pub(crate) const MAX_LINE_BYTES: usize = 4 * 1024 * 1024;

/// What stands at one line.
#[derive(Debug, PartialEq)]
pub(crate) enum Line<'a> {
    Text(&'a str),
    /// Not a line that can be read, with the reason; reading goes on after it.
    Bad(String),
}

pub(crate) struct Lines<R> {
    reader: R,
    buffer: Vec<u8>,
    ended: bool,
}

impl<R: BufRead> Lines<R> {
    pub(crate) fn new(reader: R) -> Self {
        Self {
            reader,
            buffer: Vec::new(),
            ended: false,
        }
    }

    /// The next line without its end; none after the last. An error of the disk is an error; a file
    /// that is corrupt from here on is a bad line, so that what came before can be kept.
    pub(crate) fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        if self.ended {
            return Ok(None);
        }
        self.buffer.clear();
        match self.read_line() {
            Ok(None) => Ok(None),
            Ok(Some(n_bytes)) if n_bytes > MAX_LINE_BYTES => Ok(Some(Line::Bad(format!(
                "has {n_bytes} bytes; a line may have {MAX_LINE_BYTES}"
            )))),
            Ok(Some(_)) => Ok(Some(as_text(&self.buffer))),
            Err(error) if is_corruption(&error) => {
                self.ended = true;
                Ok(Some(Line::Bad(format!(
                    "the file is corrupt or cut off from here on: {error}"
                ))))
            }
            Err(error) => Err(error),
        }
    }

    /// Length of the line just read; none at the end. What is over the limit is counted, not kept.
    fn read_line(&mut self) -> io::Result<Option<usize>> {
        let mut n_bytes = 0;
        loop {
            let available = match self.reader.fill_buf() {
                Ok(available) => available,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if available.is_empty() {
                self.ended = true;
                return Ok((n_bytes > 0).then_some(n_bytes));
            }
            let end = available.iter().position(|b| *b == b'\n');
            let part = &available[..end.unwrap_or(available.len())];
            n_bytes += part.len();
            if n_bytes <= MAX_LINE_BYTES {
                self.buffer.extend_from_slice(part);
            }
            let n_used = part.len() + usize::from(end.is_some());
            self.reader.consume(n_used);
            if end.is_some() {
                return Ok(Some(n_bytes));
            }
        }
    }
}

fn as_text(bytes: &[u8]) -> Line<'_> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Line::Text(text.trim_start_matches('\u{feff}').trim()),
        Err(error) => Line::Bad(format!("is not UTF-8 from byte {} on", error.valid_up_to())),
    }
}

/// What a gzip stream answers when it was damaged or not copied to its end.
fn is_corruption(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::InvalidData | ErrorKind::InvalidInput | ErrorKind::UnexpectedEof
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(bytes: &[u8]) -> Vec<String> {
        let mut lines = Lines::new(io::BufReader::with_capacity(7, bytes));
        let mut all = Vec::new();
        while let Some(line) = lines.next().unwrap() {
            all.push(match line {
                Line::Text(text) => text.to_owned(),
                Line::Bad(reason) => format!("BAD {reason}"),
            });
        }
        all
    }

    #[test]
    fn lines_come_without_their_ends() {
        assert_eq!(
            lines(b"\xef\xbb\xbfone\r\n\ntwo  \nthree"),
            ["one", "", "two", "three"]
        );
        assert!(lines(b"").is_empty());
    }

    #[test]
    fn bytes_that_are_no_text_are_named_and_passed_over() {
        assert_eq!(
            lines(b"a\nb\xff\nc"),
            ["a", "BAD is not UTF-8 from byte 1 on", "c"]
        );
    }

    #[test]
    fn a_line_over_the_limit_is_named_and_passed_over() {
        let mut bytes = vec![b'x'; MAX_LINE_BYTES];
        bytes.push(b'\n');
        bytes.extend(vec![b'y'; MAX_LINE_BYTES + 1]);
        bytes.extend(b"\nend");
        let lines = lines(&bytes);
        assert_eq!(lines[0].len(), MAX_LINE_BYTES);
        assert_eq!(lines[1], "BAD has 4194305 bytes; a line may have 4194304");
        assert_eq!(lines[2], "end");
    }
}
