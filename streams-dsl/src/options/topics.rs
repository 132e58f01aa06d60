/// One topic or several, by name.
pub trait IntoTopics {
    /// The names.
    fn into_topics(self) -> Vec<String>;
}

impl IntoTopics for &str {
    fn into_topics(self) -> Vec<String> {
        vec![self.to_owned()]
    }
}

impl IntoTopics for String {
    fn into_topics(self) -> Vec<String> {
        vec![self]
    }
}

impl IntoTopics for &String {
    fn into_topics(self) -> Vec<String> {
        vec![self.clone()]
    }
}

impl<S: AsRef<str>> IntoTopics for &[S] {
    fn into_topics(self) -> Vec<String> {
        self.iter().map(|name| name.as_ref().to_owned()).collect()
    }
}

impl<S: AsRef<str>, const N: usize> IntoTopics for &[S; N] {
    fn into_topics(self) -> Vec<String> {
        self.as_slice().into_topics()
    }
}

impl<S: AsRef<str>, const N: usize> IntoTopics for [S; N] {
    fn into_topics(self) -> Vec<String> {
        self.as_slice().into_topics()
    }
}

impl<S: AsRef<str>> IntoTopics for Vec<S> {
    fn into_topics(self) -> Vec<String> {
        self.as_slice().into_topics()
    }
}

impl<S: AsRef<str>> IntoTopics for &Vec<S> {
    fn into_topics(self) -> Vec<String> {
        self.as_slice().into_topics()
    }
}
