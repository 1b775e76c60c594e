//! An allocation that fails ends the process with an exit code that says so.
//! The standard library would abort, which looks like a fault of the program;
//! nobody here could go on without the memory.

use std::alloc::{GlobalAlloc, Layout, System};

/// `kOutOfMemory` of proto/contract/exit_code.h.
const OUT_OF_MEMORY: i32 = 70;

struct OrExit;

#[global_allocator]
static ALLOCATOR: OrExit = OrExit;

fn or_exit(memory: *mut u8) -> *mut u8 {
    if memory.is_null() {
        unsafe { libc::_exit(OUT_OF_MEMORY) }
    }
    memory
}

unsafe impl GlobalAlloc for OrExit {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        or_exit(System.alloc(layout))
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        or_exit(System.alloc_zeroed(layout))
    }

    unsafe fn realloc(
        &self,
        memory: *mut u8,
        layout: Layout,
        size: usize,
    ) -> *mut u8 {
        or_exit(System.realloc(memory, layout, size))
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        System.dealloc(memory, layout)
    }
}
