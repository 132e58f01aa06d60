//! Mistakes that the compiler finds, with the messages it gives: each program in `compile_fail/` is refused with what stands
//! in the file beside it. After a change that means to change them, run with `UPDATE_MESSAGES=1` and read the difference.
//!
//! The programs are compiled against the library as it was built for this test. (The `trybuild` crate would build all
//! dependencies a second time, RocksDB among them.)

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

#[test]
fn mistakes_of_types_do_not_compile() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/compile_fail");
    let mut programs: Vec<PathBuf> = fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    programs.retain(|path| path.extension().is_some_and(|extension| extension == "rs"));
    programs.sort();
    assert!(!programs.is_empty());
    let mut wrong = Vec::new();
    for program in programs {
        let messages = messages(&program);
        let expected = program.with_extension("stderr");
        if env::var_os("UPDATE_MESSAGES").is_some() {
            fs::write(&expected, &messages).unwrap();
        }
        let expected = fs::read_to_string(&expected).unwrap_or_default();
        if messages != expected {
            wrong.push(format!("{}:\n{messages}\ninstead of\n{expected}", program.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// What the compiler says: errors, labels and the library's own notes. The rest depends on the compiler's version.
fn messages(program: &Path) -> String {
    let deps = env::current_exe().unwrap().parent().unwrap().to_owned();
    let output = Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()))
        .args(["--edition", "2024", "--emit", "metadata", "--crate-name", "program", "--diagnostic-width", "140"])
        .arg("--extern")
        .arg(format!("streams_dsl={}", library(&deps).display()))
        .arg("-L")
        .arg(format!("dependency={}", deps.display()))
        .arg("--out-dir")
        .arg(tempfile::tempdir().unwrap().path())
        .arg(program.file_name().unwrap())
        .current_dir(program.parent().unwrap())
        .output()
        .unwrap();
    assert!(!output.status.success(), "{} compiles", program.display());
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(!text.contains("can't find crate"), "{text}");
    let said = |line: &&str| {
        let label = line.contains('^');
        let own_note = line.contains("= note: name one") || line.contains("= note: keys and values");
        (line.starts_with("error") && !line.contains("aborting")) || label || own_note
    };
    let lines: Vec<_> = text.lines().filter(said).map(str::trim).collect();
    lines.join("\n") + "\n"
}

/// The library that was built last.
fn library(deps: &Path) -> PathBuf {
    let entries = fs::read_dir(deps).unwrap().map(|entry| entry.unwrap());
    let built = entries.filter(|entry| {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        name.starts_with("libstreams_dsl-") && name.ends_with(".rlib")
    });
    built.max_by_key(|entry| entry.metadata().unwrap().modified().unwrap()).expect("no libstreams_dsl").path()
}
