//! `strftime_now`, at a moment that the caller freezes so that data are the
//! same whenever they are prepared.

use std::cell::Cell;
use std::ffi::CString;

use minijinja::{Error, ErrorKind};

thread_local!(static NOW: Cell<i64> = const { Cell::new(0) });

/// The moment of the renderings on this thread, in seconds since 1970.
pub fn freeze(now: i64) {
    NOW.set(now);
}

pub fn strftime_now(format: String) -> Result<String, Error> {
    let refuse = |why: &'static str| {
        Error::new(ErrorKind::InvalidOperation, format!("strftime_now: {why}"))
    };
    if format.is_empty() {
        return Ok(String::new());
    }
    if format.len() > 256 {
        return Err(refuse("the format is longer than 256 bytes"));
    }
    let format =
        CString::new(format).map_err(|_| refuse("NUL in the format"))?;
    let mut text = vec![0u8; 4096];
    // Safety: both calls write only into what they are given.
    let size = unsafe {
        let now = NOW.get();
        let mut time: libc::tm = std::mem::zeroed();
        libc::gmtime_r(&now, &mut time);
        libc::strftime(
            text.as_mut_ptr().cast(),
            text.len(),
            format.as_ptr(),
            &time,
        )
    };
    text.truncate(size);
    String::from_utf8(text).map_err(|_| refuse("the result is not UTF-8"))
}
