//! How values and errors cross the C boundary.

use std::any::Any;
use std::fmt::Display;
use std::panic::{catch_unwind, set_hook, AssertUnwindSafe};
use std::sync::Once;

pub type Result<T> = std::result::Result<T, String>;

/// `lockstep_view`: borrowed bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct View {
    data: *const u8,
    size: usize,
}

impl View {
    /// # Safety
    /// The caller of the C function keeps the bytes alive for the call.
    pub unsafe fn bytes<'a>(self) -> &'a [u8] {
        slice(self.data, self.size)
    }

    /// # Safety
    /// As for `bytes`.
    pub unsafe fn str<'a>(self) -> Result<&'a str> {
        std::str::from_utf8(self.bytes())
            .map_err(|e| format!("is not UTF-8 at byte {}", e.valid_up_to()))
    }
}

/// `lockstep_text`: owned bytes.
#[repr(C)]
pub struct Text {
    data: *mut u8,
    size: usize,
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        let (data, size) = leak(text.into_bytes());
        Text { data, size }
    }
}

/// `lockstep_span`: bytes `[begin, end)`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Span {
    pub begin: u64,
    pub end: u64,
}

impl Span {
    pub fn new(begin: usize, end: usize) -> Self {
        Span { begin: begin as u64, end: end as u64 }
    }
}

/// Runs `body`; an error or a panic becomes `*error` and `false`.
///
/// # Safety
/// `error` points to a `lockstep_text`, or is null.
pub unsafe fn guard(
    error: *mut Text,
    body: impl FnOnce() -> Result<()>,
) -> bool {
    // What a panic says is the error; standard error is for the worker's log.
    static SILENCE: Once = Once::new();
    SILENCE.call_once(|| set_hook(Box::new(|_| {})));
    let message = match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(())) => return true,
        Ok(Err(message)) => message,
        Err(panic) => panic_text(panic),
    };
    if !error.is_null() {
        error.write(message.into());
    }
    false
}

/// What a caught panic said. A text is freed; whatever else it threw is not, as
/// its destructor could panic again.
pub fn panic_text(panic: Box<dyn Any + Send>) -> String {
    let said = panic
        .downcast::<String>()
        .map(|text| *text)
        .or_else(|panic| panic.downcast::<&str>().map(|text| text.to_string()))
        .unwrap_or_else(|panic| {
            std::mem::forget(panic);
            "without a message".to_string()
        });
    format!("the parser panicked: {said}")
}

pub fn to_text<E: Display>(error: E) -> String {
    error.to_string()
}

/// # Safety
/// `data` points to `size` values, or `size` is 0.
pub unsafe fn slice<'a, T>(data: *const T, size: usize) -> &'a [T] {
    if size == 0 {
        return &[];
    }
    std::slice::from_raw_parts(data, size)
}

/// Gives a vector to C, as (pointer, length).
pub fn leak<T>(values: Vec<T>) -> (*mut T, usize) {
    let values = values.into_boxed_slice();
    let size = values.len();
    (Box::into_raw(values) as *mut T, size)
}

/// Takes it back and drops it.
///
/// # Safety
/// (data, size) came from `leak`, or `data` is null.
pub unsafe fn reclaim<T>(data: *mut T, size: usize) {
    if !data.is_null() {
        let values = std::ptr::slice_from_raw_parts_mut(data, size);
        drop(Box::from_raw(values));
    }
}

/// # Safety
/// `handle` came from `Box::into_raw`, or is null.
pub unsafe fn reclaim_box<T>(handle: *mut T) {
    if !handle.is_null() {
        drop(Box::from_raw(handle));
    }
}

#[no_mangle]
pub unsafe extern "C" fn lockstep_text_free(text: Text) {
    reclaim(text.data, text.size);
}
