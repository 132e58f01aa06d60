use std::fs;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::Settings;

/// More than any bundle of certificates has, in bytes.
const LARGEST: u64 = 64 * 1024 * 1024;

/// Where PEM text comes from.
#[derive(Clone, Copy)]
pub(super) enum Source<'a> {
    /// A setting that names a file.
    File(&'static str, &'a str),
    /// A setting that holds the text.
    Text(&'static str, &'a str),
}

impl Source<'_> {
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::File(key, _) | Self::Text(key, _) => key,
        }
    }

    /// The text. None, with the problem noted, where there is none.
    pub(super) fn read(self, settings: &mut Settings<'_>) -> Option<String> {
        let (key, path) = match self {
            Self::Text(_, text) => return Some(unfolded(text)),
            Self::File(key, path) => (key, path),
        };
        let bytes = match read_file(path) {
            Ok(bytes) => bytes,
            Err(error) => {
                settings.problem(key, format_args!("{path}: {error}"));
                return None;
            }
        };
        match String::from_utf8(bytes) {
            Ok(text) if text.contains("-----BEGIN ") => Some(text),
            _ => {
                settings.problem(key, format_args!("{path} is no PEM file; {HOW_TO_CONVERT}"));
                None
            }
        }
    }
}

/// What to do with a key store of Java's.
pub(super) const HOW_TO_CONVERT: &str = "Java's key stores (JKS, PKCS12) are not read here; make PEM of a PKCS12 store by \
    'openssl pkcs12 -in STORE -nodes -out STORE.pem', and PKCS12 of a JKS store before by \
    'keytool -importkeystore -srckeystore STORE -destkeystore STORE.p12 -deststoretype PKCS12'";

fn read_file(path: &str) -> std::io::Result<Vec<u8>> {
    let size = fs::metadata(path)?.len();
    if size > LARGEST {
        return Err(std::io::Error::other(format!("{size} bytes; the limit is {LARGEST}")));
    }
    fs::read(path)
}

/// PEM with its line breaks, of which property files leave spaces or `\n`.
fn unfolded(text: &str) -> String {
    let text = text.replace("\\n", "\n");
    let mut unfolded = String::with_capacity(text.len() + 16);
    for part in text.split("-----") {
        if part.starts_with("BEGIN ") || part.starts_with("END ") {
            unfolded.extend(["-----", part, "-----\n"]);
        } else {
            part.split_whitespace().for_each(|line| unfolded.extend([line, "\n"]));
        }
    }
    unfolded
}

/// The certificates in a text, at least one; else none, with the problem noted.
pub(super) fn certificates(
    source: Source<'_>,
    text: &str,
    settings: &mut Settings<'_>,
) -> Option<Vec<CertificateDer<'static>>> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text.as_bytes()).collect();
    match certificates {
        Ok(certificates) if !certificates.is_empty() => return Some(certificates),
        Ok(_) => settings.problem(source.key(), "no certificate in it (-----BEGIN CERTIFICATE-----)"),
        // Says nothing of what is in it: a private key may be.
        Err(_) => settings.problem(source.key(), "the PEM text is damaged"),
    }
    None
}

/// The private key in a text; else none, with the problem noted.
pub(super) fn private_key(
    source: Source<'_>,
    text: &str,
    settings: &mut Settings<'_>,
) -> Option<PrivateKeyDer<'static>> {
    if text.contains("-----BEGIN ENCRYPTED PRIVATE KEY-----") || text.contains("Proc-Type: 4,ENCRYPTED") {
        let how = "encrypted private keys are not read here; decrypt it by 'openssl pkcs8 -topk8 -nocrypt -in KEY -out KEY.pem' \
            and protect the file by its permissions";
        settings.problem(source.key(), how);
        return None;
    }
    let key = PrivateKeyDer::from_pem_slice(text.as_bytes());
    if key.is_err() {
        settings.problem(source.key(), "no private key in it (-----BEGIN PRIVATE KEY-----)");
    }
    key.ok()
}

#[cfg(test)]
mod tests {
    use super::unfolded;

    #[test]
    fn a_single_line_becomes_several() {
        let pem = "-----BEGIN CERTIFICATE-----\nAAAA\nBBBB\n-----END CERTIFICATE-----\n";
        assert_eq!(unfolded(pem), pem);
        assert_eq!(unfolded("-----BEGIN CERTIFICATE----- AAAA  BBBB -----END CERTIFICATE----- "), pem);
        assert_eq!(unfolded("-----BEGIN CERTIFICATE-----\\nAAAA\\nBBBB\\n-----END CERTIFICATE-----"), pem);
    }
}
