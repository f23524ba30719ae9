//! `shadegrid decoder`: decodes pictures for another `shadegrid`, which starts it.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use clap::Args;
use shadegrid::Error;
use shadegrid::decode::helper;

use super::exit::Exit;

/// Decode pictures for another `shadegrid`, which starts this by itself
#[derive(Debug, Args)]
#[command(hide = true)]
pub(super) struct Arguments {}

/// Has this program decode for itself what it does not decode in its own process.
pub(super) fn use_this_program() {
    // This name of the program stays right where its file is replaced meanwhile.
    let itself = Path::new("/proc/self/exe");
    let program = if itself.exists() { Some(PathBuf::from(itself)) } else { std::env::current_exe().ok() };
    if let Some(program) = program {
        helper::use_program(&program, &[OsString::from("decoder")]);
    }
}

pub(super) fn run(Arguments {}: Arguments) -> Result<Exit, Error> {
    helper::serve(&mut io::stdin().lock(), &mut io::stdout().lock())
        .map_err(|source| Error::io("cannot decode for another process", source))?;
    Ok(Exit::Done)
}
