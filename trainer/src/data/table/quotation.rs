use csv::ByteRecord;

/// The line of a quotation mark that has swallowed rows, if one has: it opens a cell of several lines that does not end
/// where a cell can, or one in a column that `is_known`, or in a row of other than `columns` cells.
pub(super) fn swallowing(
    bytes: &[u8],
    mut rows: impl Iterator<Item = (u64, ByteRecord)>,
    columns: usize,
    is_known: impl Fn(usize) -> bool,
) -> Option<u64> {
    let swallows = |row: &ByteRecord| {
        let mut broken = row.iter().enumerate().filter(|(_, cell)| cell.contains(&b'\n')).map(|(at, _)| at);
        if row.len() == columns { broken.any(&is_known) } else { broken.next().is_some() }
    };
    unclosed(bytes).or_else(|| rows.find(|(_, row)| swallows(row)).map(|(line, _)| line))
}

/// The line of a quotation mark that is never closed, or, on a later line, within a cell.
fn unclosed(bytes: &[u8]) -> Option<u64> {
    let (mut line, mut at, mut is_start) = (1, 0, true);
    while let Some(&byte) = bytes.get(at) {
        at += 1;
        if byte == b'"' && is_start {
            let opened = line;
            loop {
                match bytes.get(at..)? {
                    [] => return Some(opened),
                    [b'"', b'"', ..] => at += 1,
                    [b'"', ..] => break,
                    [b'\n', ..] => line += 1,
                    _ => {}
                }
                at += 1;
            }
            at += 1;
            let ends = matches!(bytes.get(at), None | Some(b',' | b'\n' | b'\r'));
            if line > opened && !ends {
                return Some(opened);
            }
        }
        line += u64::from(byte == b'\n');
        is_start = matches!(byte, b',' | b'\n' | b'\r');
    }
    None
}

#[cfg(test)]
mod tests {
    use crate::data::table::Table;

    #[test]
    fn a_quotation_mark_that_swallows_rows_is_refused_with_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("table.csv");
        for (rows, want) in [
            ("a.png,1,\"lung\n\"\"left\"\"\"\nb.png,2,lung\n", Ok(2)),
            ("\"a.png\",\"1\",\"lung\"\nb.png,2,5\" lung\n", Ok(2)),
            ("a.png,1,\"left\" lung\nb.png,2,lung\n", Ok(2)),
            ("a.png,1,lung\nb.png,2,\"lung\nc.png,3,lung\nd.png,4,lung\n", Err(3)),
            ("a.png,1,lung\nb.png,2,\"lung\nc.png,3,\"lung\"\nd.png,4,lung\n", Err(3)),
            ("a.png,1,lung\n\"b.png,2,lung\nc.png,3,lung\n", Err(3)),
            ("a.png,1,\"a\nb\"\n\"b.png,2,lung\n\"c.png\",3,lung\n", Err(4)),
            ("a.png,1,lung\n\n\"b.png,2,lung\nc.png\",3,lung\n", Err(4)),
            ("a.png,1,lung\nb.png,\"2,lung\nc.png,3\",lung\n", Err(3)),
            ("a.png,1,lung\nb.png,2,\"lung", Err(3)),
        ] {
            for rows in [rows.to_owned(), rows.replace('\n', "\r\n")] {
                std::fs::write(&path, format!("image,x,note\n{rows}")).unwrap();
                let opened = Table::open(&path, &[], &["image"], &["x"]).map(|table| table.rows().count());
                let want = want.map_err(|line| {
                    format!(
                        "{}, line {line}: a cell that begins with a quotation mark does not end on its line: close \
                         the mark, or take it away",
                        path.display()
                    )
                });
                assert_eq!(opened, want, "{rows:?}");
            }
        }
    }
}
