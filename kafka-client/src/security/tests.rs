//! What the settings are read as, and that nothing secret is shown.

use std::collections::HashMap;

use super::*;

fn security(settings: &[(&str, &str)]) -> Result<Security, String> {
    let settings: HashMap<_, _> = settings.iter().copied().collect();
    Security::from_properties(|key| settings.get(key).copied())
}

fn problems(settings: &[(&str, &str)]) -> String {
    security(settings).unwrap_err()
}

const SASL: (&str, &str) = ("security.protocol", "SASL_PLAINTEXT");
const SSL: (&str, &str) = ("security.protocol", "SSL");
const USER: (&str, &str) = ("sasl.username", "alice");
const PASSWORD: (&str, &str) = ("sasl.password", "hidden");

#[test]
fn nothing_given_is_plaintext() {
    assert_eq!(security(&[]), Ok(Security::plaintext()));
    // What the protocol has no use for is not looked at.
    let unused = security(&[("sasl.mechanism", "GSSAPI"), ("ssl.truststore.location", "/nowhere")]).unwrap();
    assert!(unused.tls().is_none() && unused.sasl().is_none());
    assert!(problems(&[("security.protocol", "TLS")]).contains("SASL_SSL"));
}

#[test]
fn a_user_is_named_in_either_of_two_ways() {
    let scram = "org.apache.kafka.common.security.scram.ScramLoginModule required username=alice password=\"hidden\";";
    for (mechanism, settings) in [
        ("PLAIN", vec![SASL, ("sasl.mechanism", "PLAIN"), USER, PASSWORD]),
        ("SCRAM-SHA-256", vec![SASL, ("sasl.mechanisms", "SCRAM-SHA-256"), USER, PASSWORD]),
        ("SCRAM-SHA-512", vec![SASL, ("sasl.mechanism", "SCRAM-SHA-512"), ("sasl.jaas.config", scram)]),
    ] {
        let security = security(&settings).unwrap();
        let credentials = security.sasl().unwrap();
        assert_eq!((credentials.mechanism.name(), credentials.username.as_str()), (mechanism, "alice"));
        let shown = format!(
            "{security:?} {:?}",
            crate::ClientConfig { security: security.clone(), ..crate::ClientConfig::new(["a:1"], "x") }
        );
        assert!(shown.contains("alice") && !shown.contains("hidden"), "{shown}");
    }
}

#[test]
fn wrong_users_are_refused_without_showing_secrets() {
    let plain = ("sasl.mechanism", "PLAIN");
    let jaas = |text| [SASL, plain, ("sasl.jaas.config", text)];
    for (settings, expected) in [
        (&[SASL, USER, PASSWORD][..], "means GSSAPI"),
        (&[SASL, ("sasl.mechanism", "GSSAPI"), USER, PASSWORD], "librdkafka"),
        (&[SASL, ("sasl.mechanism", "OAUTHBEARER"), USER, PASSWORD], "OAUTHBEARER"),
        (&[SASL, plain, PASSWORD], "sasl.username"),
        (&[SASL, plain, USER], "sasl.password"),
        (&[SASL, plain, USER, ("sasl.password", "hid\0den")], "NUL"),
        (&[SASL, plain, ("sasl.mechanisms", "PLAIN"), USER, PASSWORD], "one of them must go"),
        (
            &[SASL, plain, USER, ("sasl.jaas.config", "x.PlainLoginModule required username=a password=hidden;")],
            "must go",
        ),
        (&jaas("x.PlainLoginModule required username=alice;"), "username and password"),
        (&jaas("x.PlainLoginModule required username=alice password=hidden"), "';'"),
        (&jaas("x.ScramLoginModule required username=alice password=hidden;"), "PlainLoginModule"),
    ] {
        let said = problems(settings);
        assert!(said.contains(expected) && !said.contains("hidden"), "{expected}: {said}");
    }
}

#[test]
fn stores_that_are_not_pem_are_refused_with_what_to_do() {
    let folder = std::env::temp_dir().join(format!("kafka-client-security-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let store = folder.join("store.jks");
    std::fs::write(&store, [0xfe, 0xed, 0xfe, 0xed, 0, 0, 0, 2]).unwrap();
    let store = store.to_str().unwrap();
    for settings in [
        &[SSL, ("ssl.truststore.type", "JKS"), ("ssl.truststore.location", store)][..],
        &[SSL, ("ssl.truststore.location", store)],
        &[SSL, ("ssl.truststore.type", "PKCS12"), ("ssl.truststore.location", store)],
        &[SSL, ("ssl.keystore.type", "JKS"), ("ssl.keystore.location", store)],
    ] {
        let said = problems(settings);
        assert!(said.contains("openssl pkcs12") && said.contains("keytool"), "{said}");
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn wrong_settings_of_tls_are_all_named() {
    let said = problems(&[
        SSL,
        ("ssl.enabled.protocols", "TLSv1.1"),
        ("ssl.endpoint.identification.algorithm", "ldaps"),
        ("ssl.cipher.suites", "X"),
        ("enable.ssl.certificate.verification", "false"),
    ]);
    for key in [
        "ssl.enabled.protocols",
        "ssl.endpoint.identification",
        "ssl.cipher.suites",
        "enable.ssl.certificate.verification",
    ] {
        assert!(said.contains(key), "{key}: {said}");
    }
    let said = problems(&[SSL, ("ssl.truststore.location", "/no/such/file")]);
    assert!(said.contains("ssl.truststore.location") && said.contains("/no/such/file"), "{said}");
    let damaged = "-----BEGIN CERTIFICATE----- !!!! -----END CERTIFICATE-----";
    assert!(problems(&[SSL, ("ssl.truststore.certificates", damaged)]).contains("ssl.truststore.certificates"));
    assert!(problems(&[SSL, ("ssl.truststore.certificates", "")]).contains("no certificate"));
    let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY----- AAAA -----END ENCRYPTED PRIVATE KEY-----";
    let said = problems(&[SSL, ("ssl.keystore.certificate.chain", ""), ("ssl.keystore.key", encrypted)]);
    assert!(said.contains("openssl pkcs8") && !said.contains("AAAA"), "{said}");
    assert!(problems(&[SSL, ("ssl.key.location", "x")]).contains("the certificate is missing"));
    assert!(problems(&[SSL, ("ssl.certificate.location", "x")]).contains("the private key is missing"));
}
