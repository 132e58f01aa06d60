//! The client's side of SCRAM (RFC 5802, RFC 7677) as a pure state machine.
//!
//! Written here, on ring's primitives, which TLS needs anyway: the SCRAM crates normalize passwords where Kafka takes them as they are, and bring
//! frameworks or licences that a hundred lines are not worth.

use std::num::NonZeroU32;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use ring::{digest, hmac, pbkdf2};

/// Which hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hash {
    Sha256,
    Sha512,
}

impl Hash {
    fn hmac(self) -> hmac::Algorithm {
        match self {
            Self::Sha256 => hmac::HMAC_SHA256,
            Self::Sha512 => hmac::HMAC_SHA512,
        }
    }

    fn digest(self) -> &'static digest::Algorithm {
        match self {
            Self::Sha256 => &digest::SHA256,
            Self::Sha512 => &digest::SHA512,
        }
    }

    fn pbkdf2(self) -> pbkdf2::Algorithm {
        match self {
            Self::Sha256 => pbkdf2::PBKDF2_HMAC_SHA256,
            Self::Sha512 => pbkdf2::PBKDF2_HMAC_SHA512,
        }
    }
}

/// Fewer rounds than this would let somebody in the middle guess the password (RFC 7677, and Kafka's own limit).
const FEWEST_ITERATIONS: u32 = 4096;
/// More would only keep the client busy: about a second.
const MOST_ITERATIONS: u32 = 1_000_000;
/// The header without channel binding, and what it is in base64.
const NO_CHANNEL_BINDING: &str = "n,,";
const NO_CHANNEL_BINDING_BASE64: &str = "biws";

/// What a server's first message asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Challenge {
    nonce: String,
    pub(super) salt: Vec<u8>,
    pub(super) iterations: NonZeroU32,
    message: String,
}

/// A password as a server with this salt knows it. Takes milliseconds to make.
#[derive(Clone)]
pub(super) struct SaltedPassword {
    client_key: hmac::Tag,
    server_key: hmac::Tag,
}

impl SaltedPassword {
    pub(super) fn new(hash: Hash, password: &str, salt: &[u8], iterations: NonZeroU32) -> Self {
        let mut salted = vec![0; hash.digest().output_len()];
        pbkdf2::derive(hash.pbkdf2(), iterations, salt, password.as_bytes(), &mut salted);
        let key = hmac::Key::new(hash.hmac(), &salted);
        Self { client_key: hmac::sign(&key, b"Client Key"), server_key: hmac::sign(&key, b"Server Key") }
    }
}

/// The client's first message, without its header.
pub(super) fn first_bare(username: &str, nonce: &str) -> String {
    // Commas separate, and equal signs escape.
    let username = username.replace('=', "=3D").replace(',', "=2C");
    format!("n={username},r={nonce}")
}

/// The client's first message.
pub(super) fn first(bare: &str) -> Vec<u8> {
    format!("{NO_CHANNEL_BINDING}{bare}").into_bytes()
}

/// Reads the server's answer to the first message.
///
/// # Errors
/// What is wrong with it.
pub(super) fn challenge(message: &[u8], nonce: &str) -> Result<Challenge, String> {
    let message = std::str::from_utf8(message).map_err(|_| "its challenge is not UTF-8")?;
    let mut parts = message.split(',');
    let mut part =
        |name: &str| parts.next().and_then(|part| part.strip_prefix(name)).ok_or("its challenge is malformed");
    let combined = part("r=")?;
    let salt = part("s=")?;
    let iterations = part("i=")?;
    if !combined.starts_with(nonce) || combined.len() == nonce.len() {
        return Err("its challenge is not an answer to this client".to_owned());
    }
    let salt = BASE64.decode(salt).map_err(|_| "its challenge has a malformed salt")?;
    let iterations: u32 = iterations.parse().map_err(|_| "its challenge has a malformed number of iterations")?;
    let iterations = NonZeroU32::new(iterations)
        .filter(|iterations| (FEWEST_ITERATIONS..=MOST_ITERATIONS).contains(&iterations.get()))
        .ok_or_else(|| format!("it asks for {iterations} iterations, not {FEWEST_ITERATIONS} to {MOST_ITERATIONS}"))?;
    Ok(Challenge { nonce: combined.to_owned(), salt, iterations, message: message.to_owned() })
}

/// The client's last message, and what the server's must be.
pub(super) fn proof(
    hash: Hash,
    first_bare: &str,
    challenge: &Challenge,
    password: &SaltedPassword,
) -> (Vec<u8>, ServerProof) {
    let without_proof = format!("c={NO_CHANNEL_BINDING_BASE64},r={}", challenge.nonce);
    let signed = format!("{first_bare},{},{without_proof}", challenge.message);
    let stored_key = digest::digest(hash.digest(), password.client_key.as_ref());
    let signature = hmac::sign(&hmac::Key::new(hash.hmac(), stored_key.as_ref()), signed.as_bytes());
    let proof: Vec<u8> = password.client_key.as_ref().iter().zip(signature.as_ref()).map(|(a, b)| a ^ b).collect();
    let message = format!("{without_proof},p={}", BASE64.encode(proof));
    let key = hmac::Key::new(hash.hmac(), password.server_key.as_ref());
    (message.into_bytes(), ServerProof { key, signed })
}

/// What only a server that knows the password can sign.
pub(super) struct ServerProof {
    key: hmac::Key,
    signed: String,
}

impl ServerProof {
    /// Checks the server's last message.
    ///
    /// # Errors
    /// What is wrong with it, or what the server says.
    pub(super) fn check(&self, message: &[u8]) -> Result<(), String> {
        let message = std::str::from_utf8(message).map_err(|_| "its last message is not UTF-8")?;
        let message = message.split(',').next().unwrap_or_default();
        if let Some(error) = message.strip_prefix("e=") {
            return Err(format!("it answers {error}"));
        }
        let signature = message.strip_prefix("v=").and_then(|signature| BASE64.decode(signature).ok());
        let signature = signature.ok_or("its last message is malformed")?;
        hmac::verify(&self.key, self.signed.as_bytes(), &signature)
            .map_err(|_| "it does not know the password itself: it may be somebody else".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The example of RFC 7677, section 3.
    const NONCE: &str = "rOprNGfwEbeRWgbNEkqO";
    const CHALLENGE: &str = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";

    fn exchange() -> (Vec<u8>, ServerProof) {
        let bare = first_bare("user", NONCE);
        assert_eq!(first(&bare), b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
        let challenge = challenge(CHALLENGE.as_bytes(), NONCE).unwrap();
        let password = SaltedPassword::new(Hash::Sha256, "pencil", &challenge.salt, challenge.iterations);
        proof(Hash::Sha256, &bare, &challenge, &password)
    }

    #[test]
    fn the_example_of_the_standard() {
        let (last, server) = exchange();
        let expected = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
        assert_eq!(String::from_utf8(last).unwrap(), expected);
        assert_eq!(server.check(b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="), Ok(()));
    }

    #[test]
    fn a_server_that_does_not_know_the_password_is_found_out() {
        let (_, server) = exchange();
        for bad in ["v=7rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=", "v=", "v=%", "", "x=1", "e=invalid-proof"] {
            assert!(server.check(bad.as_bytes()).is_err(), "{bad}");
        }
        assert!(server.check(&[0xff]).is_err());
    }

    #[test]
    fn bad_challenges_are_refused() {
        let good = "r=nonce+,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
        assert!(challenge(good.as_bytes(), "nonce").is_ok());
        for (part, bad) in [
            ("r=nonce+", "r=nonce"),
            ("r=nonce+", "r=other+"),
            ("s=W22Z", "s=%"),
            ("i=4096", "i=4095"),
            ("i=4096", "i=1000001"),
            ("i=4096", "i=-1"),
            ("i=4096", "i=x"),
            (",i=4096", ""),
            ("r=", "e="),
        ] {
            let message = good.replace(part, bad);
            assert!(challenge(message.as_bytes(), "nonce").is_err(), "{message}");
        }
        assert!(challenge(&[0xff], "nonce").is_err());
    }

    proptest! {
        #[test]
        fn no_challenge_makes_it_panic(
            bytes in prop::collection::vec(any::<u8>(), 0..100),
            at in any::<prop::sample::Index>(),
            byte in any::<u8>(),
            length in any::<prop::sample::Index>(),
        ) {
            let mut damaged = CHALLENGE.as_bytes().to_vec();
            let at = at.index(damaged.len());
            damaged[at] = byte;
            let cut = &damaged[..length.index(damaged.len())];
            for message in [&bytes[..], &damaged[..], cut] {
                if let Ok(challenge) = challenge(message, NONCE) {
                    prop_assert!((FEWEST_ITERATIONS..=MOST_ITERATIONS).contains(&challenge.iterations.get()));
                    prop_assert!(challenge.nonce.starts_with(NONCE) && challenge.salt.len() <= message.len());
                }
            }
        }

        #[test]
        fn only_the_right_proof_is_accepted(bytes in prop::collection::vec(any::<u8>(), 0..100), text in "(v=|e=)?[A-Za-z0-9+/=,]{0,60}") {
            let proof = ServerProof { key: hmac::Key::new(hmac::HMAC_SHA256, b"key"), signed: "signed".to_owned() };
            prop_assert!(proof.check(&bytes).is_err());
            prop_assert!(proof.check(text.as_bytes()).is_err());
        }
    }

    #[test]
    fn separators_in_a_name_are_escaped() {
        assert_eq!(first_bare("a=b,c", "x"), "n=a=3Db=2Cc,r=x");
    }
}
