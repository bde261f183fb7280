//! Text as it stands in HTML: whatever it holds, it stays text.

use std::fmt::{self, Write as _};

/// A text that is shown with its special characters escaped, for elements and for attributes in quotes.
#[derive(Debug, Clone, Copy)]
pub struct Escaped<'a>(pub &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Escaped;

    #[test]
    fn no_text_becomes_markup_or_leaves_its_attribute() {
        let shown = Escaped("<b a='1' b=\"2\">&amp;é").to_string();
        assert_eq!(shown, "&lt;b a=&#39;1&#39; b=&quot;2&quot;&gt;&amp;amp;é");
    }
}
