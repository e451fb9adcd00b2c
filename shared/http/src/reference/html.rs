//! Writing HTML: everything but the page's own markup is escaped.

use serde_json::Value;

/// The text of a JSON string.
pub(super) fn text(value: &Value) -> Option<&str> {
    value.as_str()
}

/// With its first letter in upper case.
pub(super) fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => String::new(),
    }
}

/// The page as far as it is written.
#[derive(Default)]
pub(super) struct Page(String);

impl Page {
    /// Markup of the page itself: never a value of the document.
    pub(super) fn raw(&mut self, markup: &'static str) -> &mut Self {
        self.0.push_str(markup);
        self
    }

    /// A value of the document, as text or within a quoted attribute.
    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        for letter in text.chars() {
            match letter {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                other => self.0.push(other),
            }
        }
        self
    }

    pub(super) fn element(&mut self, name: &'static str, text: &str) -> &mut Self {
        self.raw("<")
            .raw(name)
            .raw(">")
            .text(text)
            .raw("</")
            .raw(name)
            .raw(">")
    }

    /// Text with `code` in backticks.
    pub(super) fn inline(&mut self, text: &str) -> &mut Self {
        for (index, part) in text.split('`').enumerate() {
            if index % 2 == 0 {
                self.text(part);
            } else {
                self.element("code", part);
            }
        }
        self
    }

    /// A description: paragraphs between empty lines, `code` in backticks.
    pub(super) fn prose(&mut self, description: &Value) -> &mut Self {
        for paragraph in text(description).unwrap_or_default().split("\n\n") {
            if !paragraph.trim().is_empty() {
                self.raw("<p>").inline(paragraph.trim()).raw("</p>");
            }
        }
        self
    }

    pub(super) fn badge(&mut self, method: &str) -> &mut Self {
        self.raw("<b class=\"method ").text(method).raw("\">");
        self.text(&method.to_uppercase()).raw("</b> ")
    }

    pub(super) fn status(&mut self, status: &str) -> &mut Self {
        self.raw("<b class=\"status s")
            .text(status.get(..1).unwrap_or_default())
            .raw("\">");
        self.text(status).raw("</b> ")
    }

    /// A block of code that can be scrolled by keyboard too.
    pub(super) fn code_block(&mut self, code: &str) -> &mut Self {
        self.raw("<pre tabindex=\"0\"><code>")
            .text(code)
            .raw("</code></pre>")
    }

    pub(super) fn finish(self) -> String {
        self.0
    }
}
