//! docs/BENCHMARKS.md: the results of each benchmark and size between two markers of their own; all other text is left as it is.

use crate::failure::{Context, Failure, Result};
use std::fs;
use std::path::Path;

/// A section: how it came about, and its table.
pub fn section(command: &str, facts: &[(&str, String)], table: &str) -> String {
    let facts: Vec<_> = facts.iter().map(|(name, value)| format!("{name} {value}")).collect();
    format!(
        "`{command}`

{table}
{}
",
        facts.join("; ")
    )
}

/// Replaces the section of what is measured with an input of this size.
pub fn update(file: &Path, name: &str, records: u64, section: &str) -> Result<()> {
    let text = fs::read_to_string(file).context(|| format!("{} cannot be read", file.display()))?;
    let text = replaced(&text, &format!("{name} {records}"), section).context(|| file.display().to_string())?;
    fs::write(file, text).context(|| format!("{} cannot be written", file.display()))
}

fn replaced(text: &str, name: &str, section: &str) -> Result<String> {
    let (begin, end) = (format!("<!-- {name}: begin -->\n"), format!("<!-- {name}: end -->"));
    let missing = |marker: &str| Failure::new(format!("the line '{}' is missing", marker.trim_end()));
    let (before, rest) = text.split_once(&begin).ok_or_else(|| missing(&begin))?;
    let (_, after) = rest.split_once(&end).ok_or_else(|| missing(&end))?;
    Ok(format!("{before}{begin}{section}{end}{after}"))
}

#[cfg(test)]
mod tests {
    use super::replaced;

    #[test]
    fn replaces_what_is_between_the_markers_alone() {
        let text = "a\n<!-- x: begin -->\nold\n<!-- x: end -->\nb\n<!-- y: begin -->\n<!-- y: end -->\n";
        let expected = "a\n<!-- x: begin -->\nnew\n<!-- x: end -->\nb\n<!-- y: begin -->\n<!-- y: end -->\n";
        assert_eq!(replaced(text, "x", "new\n").unwrap(), expected);
        assert!(replaced(text, "z", "new").unwrap_err().to_string().contains("<!-- z: begin -->"));
    }
}
