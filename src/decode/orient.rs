//! Turns a picture the way its EXIF metadata says that it is meant.

use image::metadata::Orientation;
use image::{DynamicImage, GrayImage, RgbImage};

use crate::picture::{Picture, Planes};

/// The orientation that a TIFF-structured EXIF block names, where it names a valid one.
pub(super) fn from_exif(exif: &[u8]) -> Option<Orientation> {
    Orientation::from_exif_chunk(exif)
}

/// The picture turned so that the orientation is the plain one. Takes a second picture's memory for quarter turns.
pub(super) fn turn(picture: Picture, orientation: Orientation) -> Picture {
    let (width, height) = (picture.width, picture.height);
    match picture.planes {
        Planes::Rgb(plane) => {
            let image = RgbImage::from_raw(width, height, plane.samples).map(DynamicImage::ImageRgb8);
            let turned = applied(image, orientation).into_rgb8();
            let (width, height) = turned.dimensions();
            Picture::from_rgb(turned.into_raw(), width, height)
        }
        Planes::Grey(plane) => {
            let image = GrayImage::from_raw(width, height, plane.samples).map(DynamicImage::ImageLuma8);
            let turned = applied(image, orientation).into_luma8();
            let (width, height) = turned.dimensions();
            Picture::from_grey(turned.into_raw(), width, height)
        }
        planes @ Planes::Coarse { .. } => Picture { width, height, planes },
    }
}

fn applied(image: Option<DynamicImage>, orientation: Orientation) -> DynamicImage {
    let mut image = image.unwrap_or_default();
    image.apply_orientation(orientation);
    image
}

/// The orientation that a number 1..=8 stands for.
pub(super) fn from_number(number: u8) -> Option<Orientation> {
    Orientation::from_exif(number)
}
