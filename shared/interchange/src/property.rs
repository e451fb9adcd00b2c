//! A property of a vCard, as every version has it.

/// One property, decoded from its transfer: unfolded, in UTF-8, without quoted-printable or base64.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Property {
    /// What stands before the dot, such as Apple's `item1`.
    pub(crate) group: Option<String>,
    /// In upper case; names are case-insensitive.
    pub(crate) name: String,
    /// In the order they were sent, each name once.
    pub(crate) params: Vec<Param>,
    pub(crate) value: Value,
}

/// A parameter with all its values. `TYPE=A;TYPE=B` and `TYPE=A,B` are the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Param {
    /// In upper case.
    pub(crate) name: String,
    pub(crate) values: Vec<String>,
}

/// A value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    /// Text as vCard 3.0 and 4.0 write it, with its backslash escapes. Values of 2.1 are brought to
    /// this form without loss; a CR of theirs stays a CR.
    Text(String),
    /// What was base64.
    Binary(Vec<u8>),
}

impl Property {
    pub(crate) fn new(name: &str, text: impl Into<String>) -> Self {
        Self {
            group: None,
            name: name.to_ascii_uppercase(),
            params: Vec::new(),
            value: Value::Text(text.into()),
        }
    }

    /// The values of a parameter; none if it is absent.
    pub(crate) fn param(&self, name: &str) -> &[String] {
        self.params
            .iter()
            .find(|param| param.name == name)
            .map_or(&[], |param| &param.values)
    }

    /// Whether its `VALUE` names this type.
    pub(crate) fn is_of_type(&self, name: &str) -> bool {
        matches!(self.param("VALUE"), [value] if value.eq_ignore_ascii_case(name))
    }

    /// Whether its value is a member of a card (RFC 9555 section 3.2.1).
    pub(crate) fn is_jsprop(&self) -> bool {
        matches!(self.name.as_str(), "JSPROP" | "X-JSPROP")
    }

    /// Where that member is.
    pub(crate) fn pointer(&self) -> &[String] {
        match self.param("JSPTR") {
            [] => self.param("X-JSPTR"),
            pointer => pointer,
        }
    }

    /// Adds a value to a parameter.
    pub(crate) fn push_param(&mut self, name: &str, value: impl Into<String>) {
        match self.params.iter_mut().find(|param| param.name == name) {
            Some(param) => param.values.push(value.into()),
            None => self.params.push(Param {
                name: name.to_owned(),
                values: vec![value.into()],
            }),
        }
    }

    /// Replaces a parameter; no values remove it.
    pub(crate) fn set_param(&mut self, name: &str, values: Vec<String>) {
        let position = self.params.iter().position(|param| param.name == name);
        match (position, values.is_empty()) {
            (Some(position), true) => {
                self.params.remove(position);
            }
            (Some(position), false) => self.params[position].values = values,
            (None, true) => {}
            (None, false) => self.params.push(Param {
                name: name.to_owned(),
                values,
            }),
        }
    }

    /// Removes a parameter and gives its values.
    pub(crate) fn take_param(&mut self, name: &str) -> Vec<String> {
        match self.params.iter().position(|param| param.name == name) {
            Some(position) => self.params.remove(position).values,
            None => Vec::new(),
        }
    }

    /// The text; empty for a binary value.
    pub(crate) fn text(&self) -> &str {
        match &self.value {
            Value::Text(text) => text,
            Value::Binary(_) => "",
        }
    }
}
