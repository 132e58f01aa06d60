use std::collections::BTreeMap;

/// The first entry of a JVM client's `sasl.jaas.config`: `MODULE FLAG key="value" ... ;`.
pub(super) struct Entry {
    /// The class without its package.
    pub(super) module: String,
    pub(super) options: BTreeMap<String, String>,
}

/// Reads an entry; errors show nothing of what follows the module, where secrets are.
pub(super) fn parse(text: &str) -> Result<Entry, &'static str> {
    let mut tokens = Tokens(text.chars().peekable());
    let word = |token| match token {
        Some(Token::Word(word)) => Ok(word),
        _ => Err(
            "it must begin with a login module and a flag, as in 'MODULE required username=\"...\" password=\"...\";'",
        ),
    };
    let class = word(tokens.next()?)?;
    let flag = word(tokens.next()?)?;
    if !["required", "requisite", "sufficient", "optional"].iter().any(|known| flag.eq_ignore_ascii_case(known)) {
        return Err("the flag after the login module is none of required, requisite, sufficient, optional");
    }
    let mut options = BTreeMap::new();
    loop {
        let key = match tokens.next()? {
            Some(Token::Word(key)) => key,
            Some(Token::End) => break,
            None => return Err("the ';' at the end is missing"),
            Some(Token::Equals) => return Err("an '=' without a name before it"),
        };
        match (tokens.next()?, tokens.next()?) {
            (Some(Token::Equals), Some(Token::Word(value))) => options.insert(key, value),
            _ => return Err("options must be key=\"value\""),
        };
    }
    let module = class.rsplit('.').next().unwrap_or_default().to_owned();
    Ok(Entry { module, options })
}

enum Token {
    Word(String),
    Equals,
    End,
}

struct Tokens<'a>(std::iter::Peekable<std::str::Chars<'a>>);

impl Tokens<'_> {
    fn next(&mut self) -> Result<Option<Token>, &'static str> {
        while self.0.next_if(|c| c.is_whitespace()).is_some() {}
        match self.0.next() {
            None => Ok(None),
            Some('=') => Ok(Some(Token::Equals)),
            Some(';') => Ok(Some(Token::End)),
            Some(quote @ ('"' | '\'')) => self.quoted(quote).map(|word| Some(Token::Word(word))),
            Some(first) => {
                let mut word = String::from(first);
                while let Some(c) = self.0.next_if(|c| !c.is_whitespace() && !matches!(c, '=' | ';' | '"' | '\'')) {
                    word.push(c);
                }
                Ok(Some(Token::Word(word)))
            }
        }
    }

    fn quoted(&mut self, quote: char) -> Result<String, &'static str> {
        let mut word = String::new();
        loop {
            match self.0.next() {
                None => return Err("a quotation mark is not closed"),
                Some(c) if c == quote => return Ok(word),
                Some('\\') => match self.0.next() {
                    Some('n') => word.push('\n'),
                    Some('t') => word.push('\t'),
                    Some('r') => word.push('\r'),
                    Some(c) => word.push(c),
                    None => return Err("a quotation mark is not closed"),
                },
                Some(c) => word.push(c),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_has_a_module_and_options() {
        let text = r#" org.apache.kafka.common.security.plain.PlainLoginModule required
            username="al\"ice" password='s;e=c"r\\et' user_bob=x;"#;
        let entry = parse(text).unwrap_or_else(|problem| panic!("{problem}"));
        assert_eq!(entry.module, "PlainLoginModule");
        let options: Vec<_> = entry.options.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        assert_eq!(options, [("password", "s;e=c\"r\\et"), ("user_bob", "x"), ("username", "al\"ice")]);
    }

    #[test]
    fn what_is_no_entry_is_refused_without_showing_it() {
        for bad in [
            "",
            "Module",
            "Module always a=b;",
            "Module required secret=",
            "Module required secret",
            "Module required a=\"secret",
            "Module required a=\"secret\"",
            "Module required = a;",
            "Module required a=\"secret\\",
            "Module required a=;",
            "= required;",
        ] {
            let problem = parse(bad).err().unwrap_or_else(|| panic!("{bad} is taken"));
            assert!(!problem.contains("secret"), "{problem}");
        }
    }
}
