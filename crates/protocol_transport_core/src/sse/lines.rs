//! Lines that end in LF, CR or CRLF, out of chunks that are cut anywhere.

/// The position of the first CR or LF.
///
/// Block by block, because the compiler turns the test of a whole block into a few vector
/// instructions, which it does not do for a search that may stop at any byte.
pub(super) fn find_line_end(bytes: &[u8]) -> Option<usize> {
    const BLOCK: usize = 32;
    let is_line_end = |byte: &u8| *byte == b'\n' || *byte == b'\r';
    let blocks = bytes.chunks_exact(BLOCK);
    let clean =
        blocks.take_while(|block| !block.iter().fold(false, |hit, byte| hit | is_line_end(byte))).count() * BLOCK;
    let rest = bytes.get(clean..)?;
    rest.iter().position(is_line_end).map(|at| clean + at)
}

/// Holds the line under way. Every byte is looked at once, however small the chunks are.
#[derive(Debug, Default)]
pub(super) struct Lines {
    buffer: Vec<u8>,
    /// Where the line under way begins.
    start: usize,
    /// Up to where the buffer is known to hold no further line end.
    scanned: usize,
    /// The last line ended in CR: an LF that follows belongs to it. The line is not held back until
    /// then, since the next byte may be long in coming.
    after_cr: bool,
}

impl Lines {
    pub(super) fn push(&mut self, chunk: &[u8]) {
        // With no whole line left, at most the line under way is moved, and each line once. Should
        // the caller leave lines unread, waiting for the larger half to be done with keeps the
        // moves in proportion to the bytes received.
        if self.scanned == self.buffer.len() || self.start > self.buffer.len() / 2 {
            self.buffer.drain(..self.start);
            self.scanned -= self.start;
            self.start = 0;
        }
        self.buffer.extend_from_slice(chunk);
    }

    /// The next whole line, without its end.
    pub(super) fn next(&mut self) -> Option<&[u8]> {
        if self.after_cr {
            let next = *self.buffer.get(self.start)?;
            self.after_cr = false;
            if next == b'\n' {
                self.start += 1;
                self.scanned = self.start;
            }
        }
        let Some(length) = self.buffer.get(self.scanned..).and_then(find_line_end) else {
            self.scanned = self.buffer.len();
            return None;
        };
        let (start, end) = (self.start, self.scanned + length);
        self.after_cr = self.buffer.get(end) == Some(&b'\r');
        self.start = end + 1;
        self.scanned = self.start;
        self.buffer.get(start..end)
    }

    /// The length of the line under way, as far as it has been received.
    pub(super) fn pending(&self) -> usize {
        self.buffer.len() - self.start
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_end_is_found_at_any_position() {
        for length in 0..100 {
            let mut bytes = vec![b'x'; length];
            assert_eq!(find_line_end(&bytes), None);
            for at in (0..length).rev() {
                bytes[at] = if at % 2 == 0 { b'\n' } else { b'\r' };
                assert_eq!(find_line_end(&bytes), Some(at));
            }
        }
    }

    #[test]
    fn what_has_been_read_is_not_kept() {
        let mut lines = Lines::default();
        for _ in 0..1000 {
            lines.push(b"0123456789\n0123");
            while lines.next().is_some() {}
            assert!(lines.pending() <= 4);
            assert!(lines.buffer.len() <= 4 + 15);
            lines.push(b"\r\n");
            while lines.next().is_some() {}
        }
    }
}
