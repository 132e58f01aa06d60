use streams_dsl::processor_api::FixedKeyRecord;

fn rename(record: FixedKeyRecord<String, String>) {
    *record.key() = "other".to_owned();
}

fn main() {
    let _ = rename;
}
