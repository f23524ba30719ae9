//! libjpeg-turbo's picture of a file, made as Chromium asks for it: accurate inverse DCT, smooth upsampling, blocks smoothed.

use std::os::raw::c_int;
use turbojpeg::raw;

/// Shows one file after another.
pub struct Oracle {
    most_pixels: u64,
}

/// A picture that was shown.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown {
    pub width: usize,
    pub height: usize,
    /// 1 for grey, 3 for R, G, B.
    pub channels: usize,
    pub pixels: Vec<u8>,
}

/// A decompressor, for one file.
struct Handle(raw::tjhandle);

impl Drop for Handle {
    fn drop(&mut self) {
        unsafe { raw::tj3Destroy(self.0) }
    }
}

impl Oracle {
    pub fn new(most_pixels: u64) -> Oracle {
        Oracle { most_pixels }
    }

    /// The picture, or why there is none.
    ///
    /// An error behind the last row leaves the picture. Warnings and errors cannot be distinguished once there was a warning, so
    /// what was not written to is found by writing twice.
    pub fn show(&self, bytes: &[u8]) -> Result<Shown, String> {
        let (shown, doubt) = self.once(bytes, 0)?;
        if let Some(message) = doubt
            && self.once(bytes, 0xFF)?.0 != shown
        {
            return Err(message);
        }
        Ok(shown)
    }

    /// The picture over a buffer filled with `fill`, and a message where there was a warning or an error.
    fn once(&self, bytes: &[u8], fill: u8) -> Result<(Shown, Option<String>), String> {
        let handle = Handle(unsafe { raw::tj3Init(raw::TJINIT_TJINIT_DECOMPRESS as c_int) });
        let message = || unsafe { std::ffi::CStr::from_ptr(raw::tj3GetErrorStr(handle.0)) }.to_string_lossy().into_owned();
        let get = |parameter| unsafe { raw::tj3Get(handle.0, parameter as c_int) };
        let header = unsafe { raw::tj3DecompressHeader(handle.0, bytes.as_ptr(), bytes.len() as _) };
        let width = get(raw::TJPARAM_TJPARAM_JPEGWIDTH).max(0) as usize;
        let height = get(raw::TJPARAM_TJPARAM_JPEGHEIGHT).max(0) as usize;
        if width * height == 0 || (header != 0 && get(raw::TJPARAM_TJPARAM_COLORSPACE) < 0) {
            return Err(message());
        }
        if (width * height) as u64 > self.most_pixels {
            return Err("too large".into());
        }
        let space = get(raw::TJPARAM_TJPARAM_COLORSPACE);
        let is = |one| space == one as c_int;
        let (format, channels) = match () {
            _ if is(raw::TJCS_TJCS_GRAY) => (raw::TJPF_TJPF_GRAY, 1),
            _ if is(raw::TJCS_TJCS_CMYK) || is(raw::TJCS_TJCS_YCCK) => (raw::TJPF_TJPF_CMYK, 4),
            _ => (raw::TJPF_TJPF_RGB, 3),
        };
        let mut pixels = vec![fill; width * height * channels];
        let pitch = (width * channels) as c_int;
        let (from, to) = (bytes.as_ptr(), pixels.as_mut_ptr());
        let done = unsafe { raw::tj3Decompress8(handle.0, from, bytes.len() as _, to, pitch, format as c_int) };
        let shown = Shown { width, height, channels, pixels }.without_inks();
        Ok((shown, (done != 0).then(message)))
    }
}

impl Shown {
    /// As Chromium makes colours of inks.
    fn without_inks(mut self) -> Shown {
        if self.channels == 4 {
            let light = |ink: u8, black: u8| (u32::from(ink) * u32::from(black) / 255) as u8;
            let pixels = self.pixels.as_chunks::<4>().0.iter();
            self.pixels = pixels.flat_map(|&[c, m, y, k]| [c, m, y].map(|ink| light(ink, k))).collect();
            self.channels = 3;
        }
        self
    }
}
