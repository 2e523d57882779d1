//! A heap that moves one pointer.
//!
//! Memory costs cycles when a page of it is touched for the first time, so the newest block is taken back when it is freed and
//! grows in place; other blocks are never reused. Nothing here is reached by two threads: the machine has one.

use core::{
    alloc::{GlobalAlloc, Layout},
    cell::UnsafeCell,
    ptr,
};

use risc0_zkvm_platform::memory::GUEST_MAX_MEM;

#[global_allocator]
static HEAP: Heap = Heap(UnsafeCell::new(State { next: 0, touched: 0 }));

struct Heap(UnsafeCell<State>);

struct State {
    /// The first free byte; zero before the first allocation.
    next: usize,
    /// Bytes from here on were never given out, so the machine still holds zeros there.
    touched: usize,
}

// SAFETY: the machine has one thread and no interrupts.
unsafe impl Sync for Heap {}

impl Heap {
    #[allow(clippy::mut_from_ref, reason = "one thread, and no reference outlives a method")]
    #[inline(always)]
    fn state(&self) -> &mut State {
        // SAFETY: see above.
        unsafe { &mut *self.0.get() }
    }
}

unsafe impl GlobalAlloc for Heap {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let state = self.state();
        if state.next == 0 {
            unsafe extern "C" {
                // The linker's end of all sections.
                static _end: u8;
            }
            state.next = (&raw const _end) as usize;
            state.touched = state.next;
        }
        let align = layout.align().max(4);
        let start = (state.next + align - 1) & !(align - 1);
        match start.checked_add(layout.size()) {
            Some(end) if end <= GUEST_MAX_MEM => {
                state.next = end;
                state.touched = state.touched.max(end);
                start as *mut u8
            }
            _ => ptr::null_mut(),
        }
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let state = self.state();
        if block as usize + layout.size() == state.next {
            state.next = block as usize;
        }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        let touched = self.state().touched;
        // SAFETY: the caller's layout is passed on.
        let block = unsafe { self.alloc(layout) };
        if !block.is_null() && (block as usize) < touched {
            let used = layout.size().min(touched - block as usize);
            // SAFETY: within the block.
            unsafe { ptr::write_bytes(block, 0, used) };
        }
        block
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        let state = self.state();
        if block as usize + layout.size() == state.next {
            match (block as usize).checked_add(new_size) {
                Some(end) if end <= GUEST_MAX_MEM => {
                    state.next = end;
                    state.touched = state.touched.max(end);
                    return block;
                }
                _ => return ptr::null_mut(),
            }
        }
        if new_size <= layout.size() {
            return block;
        }
        // SAFETY: the alignment is the old one and the size was checked by the caller.
        let new = unsafe { self.alloc(Layout::from_size_align_unchecked(new_size, layout.align())) };
        if !new.is_null() {
            // SAFETY: two different blocks of at least the old size.
            unsafe { ptr::copy_nonoverlapping(block, new, layout.size()) };
        }
        new
    }
}
