//! A tiny writer of PDF files: pages of plain lines in Helvetica, valid for any reader.

use std::fmt::Write as _;

/// Lines that fit on a page.
const LINES: usize = 44;

/// A PDF with one page for each block of lines (more where a block is long).
pub(super) fn pdf(title: &str, pages: &[Vec<String>]) -> Vec<u8> {
    let pages: Vec<&[String]> = pages.iter().flat_map(|lines| lines.chunks(LINES)).collect();
    let first_page = 5;
    let kids: String = (0..pages.len()).map(|place| format!("{} 0 R ", first_page + 2 * place)).collect();
    let mut file = File::new();
    file.object(b"<< /Type /Catalog /Pages 2 0 R >>");
    file.object(format!("<< /Type /Pages /Kids [{kids}] /Count {} >>", pages.len()).as_bytes());
    file.object(b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>");
    file.object(
        &[b"<< /Title (".as_slice(), &text(title), b") /Producer (countersign simulator) >>"].concat(),
    );
    for (place, lines) in pages.iter().enumerate() {
        let page = format!(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Resources << /Font << /F1 3 0 R >> >> \
             /Contents {} 0 R >>",
            first_page + 2 * place + 1
        );
        file.object(page.as_bytes());
        let content = content(lines);
        let head = format!("<< /Length {} >>\nstream\n", content.len());
        file.object(&[head.as_bytes(), &content, b"\nendstream"].concat());
    }
    file.close()
}

/// The drawing of a page.
fn content(lines: &[String]) -> Vec<u8> {
    let mut content = b"BT /F1 11 Tf 16 TL 56 740 Td\n".to_vec();
    for line in lines {
        content.extend_from_slice(b"(");
        content.extend(text(line));
        content.extend_from_slice(b") Tj T*\n");
    }
    content.extend_from_slice(b"ET");
    content
}

/// A string in WinAnsi, escaped; characters that it lacks become question marks.
fn text(line: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(line.len());
    for c in line.chars() {
        let byte = match c {
            'Š' => 0x8A,
            'Ž' => 0x8E,
            'š' => 0x9A,
            'ž' => 0x9E,
            '€' => 0x80,
            '–' => 0x96,
            _ => u8::try_from(u32::from(c))
                .ok()
                .filter(|b| (0x20..0x7F).contains(b) || *b >= 0xA0)
                .unwrap_or(b'?'),
        };
        if matches!(byte, b'(' | b')' | b'\\') {
            bytes.push(b'\\');
        }
        bytes.push(byte);
    }
    bytes
}

/// A file that grows object by object and remembers where each one begins.
struct File {
    bytes: Vec<u8>,
    offsets: Vec<usize>,
}

impl File {
    fn new() -> Self {
        // The bytes above 127 in the comment tell transports that the file is binary.
        Self { bytes: b"%PDF-1.4\n%\xE2\xE3\xCF\xD3\n".to_vec(), offsets: Vec::new() }
    }

    fn object(&mut self, content: &[u8]) {
        self.offsets.push(self.bytes.len());
        self.bytes.extend(format!("{} 0 obj\n", self.offsets.len()).into_bytes());
        self.bytes.extend_from_slice(content);
        self.bytes.extend_from_slice(b"\nendobj\n");
    }

    fn close(mut self) -> Vec<u8> {
        let start = self.bytes.len();
        let count = self.offsets.len() + 1;
        let mut table = format!("xref\n0 {count}\n0000000000 65535 f \n");
        for offset in &self.offsets {
            let _ = writeln!(table, "{offset:010} 00000 n ");
        }
        let _ = write!(
            table,
            "trailer\n<< /Size {count} /Root 1 0 R /Info 4 0 R >>\nstartxref\n{start}\n%%EOF\n"
        );
        self.bytes.extend(table.into_bytes());
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
        bytes.windows(what.len()).position(|window| window == what)
    }

    #[test]
    fn every_offset_of_the_table_points_at_its_object() {
        let pages = [vec!["one (1) \\ é".to_owned()], vec!["x".to_owned(); LINES + 1]];
        let bytes = pdf("Title (draft)", &pages);
        let table = find(&bytes, b"\nxref\n").unwrap() + 1;
        let tail = String::from_utf8_lossy(&bytes[table..]).into_owned();
        let entries: Vec<usize> = tail
            .lines()
            .filter(|line| line.ends_with(" 00000 n "))
            .map(|line| line[..10].parse().unwrap())
            .collect();
        // Catalog, pages, font, info, and three pages with their contents.
        assert_eq!(entries.len(), 4 + 2 * 3);
        for (number, offset) in (1..).zip(&entries) {
            assert!(bytes[*offset..].starts_with(format!("{number} 0 obj\n").as_bytes()), "{number}");
        }
        assert!(tail.contains(&format!("startxref\n{table}\n%%EOF")), "{tail}");
        assert!(tail.lines().skip(2).take(11).all(|line| line.len() == 19), "entries of 20 bytes");
    }

    #[test]
    fn a_streams_length_is_the_length_of_what_it_holds() {
        let bytes = pdf("T", &[vec!["ab".to_owned(), "(c)".to_owned()]]);
        let head = find(&bytes, b"<< /Length ").unwrap();
        let digits: String =
            bytes[head + 11..].iter().take_while(|b| b.is_ascii_digit()).map(|b| char::from(*b)).collect();
        let begin = find(&bytes, b"stream\n").unwrap() + 7;
        let end = find(&bytes, b"\nendstream").unwrap();
        assert_eq!(digits.parse::<usize>().unwrap(), end - begin);
        assert!(find(&bytes, b"(\\(c\\)) Tj").is_some());
    }
}
