//! What lies about in folders and archives and was never meant to be hashed: notes, indexes, side files.

use std::ffi::OsStr;
use std::path::Path;

/// Endings of pictures' names, of formats that are not read too: what is called so and is none was lost, and somebody has to look.
const PICTURES: [&str; 54] = [
    "apng", "arw", "avif", "bmp", "bpg", "cr2", "cr3", "cur", "dds", "dib", "dng", "emf", "eps", "exr",
    "gif", "hdr", "heic", "heif", "hif", "ico", "j2k", "jfif", "jif", "jng", "jp2", "jpe", "jpeg", "jpf",
    "jpg", "jpx", "jxl", "jxr", "mng", "nef", "orf", "pam", "pbm", "pcx", "pgm", "png", "pnm", "ppm", "psb",
    "psd", "qoi", "raf", "rw2", "svg", "svgz", "tga", "tif", "tiff", "webp", "wmf",
];

/// Whether an input was found below the argument that it came from, and so was not named itself. Rows of a Parquet file are taken for named: who
/// keeps a column of pictures means each of them.
pub(super) fn is_found(key: &OsStr, argument: &OsStr) -> bool {
    let (path, argument) = (Path::new(key), Path::new(argument));
    let is_row = || path.ancestors().skip(1).any(|above| has_ending(above, |ending| ending == "parquet"));
    path != argument && path.starts_with(argument) && !is_row()
}

/// Whether a name promises a picture. Side files of macOS (`._photo.jpg`) repeat the name of another file.
pub(super) fn is_named_like_a_picture(key: &OsStr) -> bool {
    let path = Path::new(key);
    let is_side_file = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"._"));
    !is_side_file && has_ending(path, |ending| PICTURES.contains(&ending))
}

fn has_ending(path: &Path, is: impl Fn(&str) -> bool) -> bool {
    path.extension().and_then(OsStr::to_str).is_some_and(|ending| is(&ending.to_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_folder_holds_is_found_and_what_an_argument_or_a_list_names_is_not() {
        for (key, argument) in [
            ("photos/a.txt", "photos"),
            ("photos/a.txt", "photos/"),
            ("./a.txt", "."),
            ("a.tar/notes", "a.tar"),
            ("s3://bucket/p/a", "s3://bucket/p/"),
            ("s3://bucket/p/a", "s3://bucket"),
            ("https://host/a.zip/b", "https://host/a.zip"),
        ] {
            assert!(is_found(key.as_ref(), argument.as_ref()), "{key} of {argument}");
        }
        for (key, argument) in [
            ("photos/a.txt", "photos/a.txt"),
            ("photos/a.txt", "list.csv"),
            ("-", "-"),
            ("photos2/a", "photos"),
            ("rows.parquet/7", "rows.parquet"),
            ("photos/rows.parquet/7", "photos"),
        ] {
            assert!(!is_found(key.as_ref(), argument.as_ref()), "{key} of {argument}");
        }
    }

    #[test]
    fn names_of_pictures_are_known() {
        assert!(PICTURES.is_sorted(), "the list is in order");
        for name in ["a.jpg", "deep/B.JPEG", "s3://b/c.webp", "icon.svg", ".hidden.png"] {
            assert!(is_named_like_a_picture(name.as_ref()), "{name}");
        }
        for name in ["a.txt", "jpg", "a.jpg.txt", "._a.jpg", "d/._a.jpg", "Thumbs.db", ""] {
            assert!(!is_named_like_a_picture(name.as_ref()), "{name}");
        }
    }
}
