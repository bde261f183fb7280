//! A tiny writer of ZIP archives: stored files, names in UTF-8.

/// An archive of these files.
pub(super) fn zip(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut archive = Vec::new();
    let mut directory = Vec::new();
    for (name, content) in files {
        let offset = word(archive.len());
        let entry = entry(name, content);
        archive.extend_from_slice(b"PK\x03\x04");
        archive.extend_from_slice(&entry);
        archive.extend_from_slice(name.as_bytes());
        archive.extend_from_slice(content);
        // Made by version 2.0, then the same again, then no comment, first disk, no attributes.
        directory.extend_from_slice(b"PK\x01\x02\x14\x00");
        directory.extend_from_slice(&entry);
        directory.extend_from_slice(&[0; 10]);
        directory.extend_from_slice(&offset);
        directory.extend_from_slice(name.as_bytes());
    }
    let count = &word(files.len())[..2];
    let start = word(archive.len());
    let end = [b"PK\x05\x06\0\0\0\0", count, count, &word(directory.len()), &start, b"\0\0"].concat();
    [archive, directory, end].concat()
}

/// What both headers of a file say alike: version 2.0, names in UTF-8, stored, the first of January 1980.
fn entry(name: &str, content: &[u8]) -> Vec<u8> {
    let size = word(content.len());
    let name_bytes = &word(name.len())[..2];
    [
        b"\x14\x00\x00\x08\x00\x00\x00\x00\x21\x00".as_slice(),
        &crc32(content).to_le_bytes(),
        &size,
        &size,
        name_bytes,
        b"\0\0",
    ]
    .concat()
}

fn word(number: usize) -> [u8; 4] {
    u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes()
}

/// The checksum of ZIP (IEEE 802.3), bit by bit: archives here are small.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_published_one() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
    }

    #[test]
    fn the_directory_is_where_the_end_says() {
        let archive = zip(&[("é.txt".to_owned(), b"one".to_vec()), ("b".to_owned(), Vec::new())]);
        let end = archive.len() - 22;
        assert!(archive[end..].starts_with(b"PK\x05\x06"));
        assert_eq!(archive[end + 10..end + 12], [2, 0]);
        let start = u32::from_le_bytes(archive[end + 16..end + 20].try_into().unwrap()) as usize;
        let length = u32::from_le_bytes(archive[end + 12..end + 16].try_into().unwrap()) as usize;
        assert_eq!(start + length, end);
        assert!(archive[start..].starts_with(b"PK\x01\x02"));
        assert!(archive.starts_with(b"PK\x03\x04"));
    }
}
