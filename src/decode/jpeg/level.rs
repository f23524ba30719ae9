//! The instruction sets that inner loops are compiled for.

use fearless_simd::{Level, Simd};

/// Runs `work` compiled for AVX2 and BMI2 where `level` has them.
///
/// The loops here are plain integer code; what they gain is the compiler's own vectors and the shifts of BMI2.
/// `work`, written `#[inline(always)] ||`, and what it calls must be inlined for that.
#[inline(always)]
pub(super) fn wide<R>(level: Level, work: impl FnOnce() -> R) -> R {
    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    if let Some(avx2) = level.as_avx2() {
        return avx2.vectorize(work);
    }
    let _ = level;
    work()
}
