//! AVIF whose tables browsers read otherwise than they are listed: both pictures are hashed. On the picture of a small file, with tables made here.

#![cfg(feature = "avif")]

use std::fs;
use std::path::Path;
use std::sync::Once;

use shadegrid::decode::helper;
use shadegrid::{DecodeOptions, Decoder, Face, Picture, Planes};

/// Width and height of the coded picture.
const SIZE: (usize, usize) = (96, 72);

fn boxed(name: &[u8; 4], content: &[u8]) -> Vec<u8> {
    [&(content.len() as u32 + 8).to_be_bytes(), &name[..], content].concat()
}

fn full(name: &[u8; 4], content: &[u8]) -> Vec<u8> {
    boxed(name, &[&[0; 4], content].concat())
}

/// What `420.avif` has of this name.
fn content(name: &[u8; 4]) -> Vec<u8> {
    let file = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/modern/420.avif")).unwrap();
    let at = file.windows(4).position(|found| found == name).unwrap();
    let length = u32::from_be_bytes(file[at - 4..at].try_into().unwrap()) as usize;
    file[at + 4..at - 4 + length].to_vec()
}

/// An item: its kind, what it lies in, and its properties.
struct Item {
    kind: [u8; 4],
    data: Vec<u8>,
    properties: Vec<Vec<u8>>,
}

/// The picture with further properties.
fn picture(further: &[Vec<u8>]) -> Item {
    let own = [*b"ispe", *b"av1C", *b"colr"].map(|name| boxed(&name, &content(&name)));
    Item { kind: *b"av01", data: content(b"mdat"), properties: [&own[..], further].concat() }
}

/// Two tiles next to each other.
fn grid() -> Item {
    let sides = [2 * SIZE.0 as u16, SIZE.1 as u16].map(u16::to_be_bytes);
    let size = [2 * SIZE.0 as u32, SIZE.1 as u32].map(u32::to_be_bytes);
    let properties = vec![full(b"ispe", size.as_flattened())];
    Item { kind: *b"grid", data: [&[0, 0, 0, 1], sides.as_flattened()].concat(), properties }
}

fn turn(quarters: u8) -> Vec<u8> {
    boxed(b"irot", &[quarters])
}

fn mirror() -> Vec<u8> {
    boxed(b"imir", &[1])
}

/// A cut of this size, whose middle is moved by so many halves of a pixel.
fn cut(size: (u32, u32), moved: (i32, i32)) -> Vec<u8> {
    let numbers = [size.0, 1, size.1, 1, moved.0 as u32, 2, moved.1 as u32, 2];
    // The four letters of the clean aperture.
    boxed(&0x636C_6170u32.to_be_bytes(), numbers.map(u32::to_be_bytes).as_flattened())
}

fn of_opacity() -> Vec<u8> {
    full(b"auxC", b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0")
}

/// A file of items 1, 2, … with references from one to others, and groups.
fn file(items: &[Item], references: &[(&[u8; 4], u16, &[u16])], groups: &[u8]) -> Vec<u8> {
    let shorts =
        |numbers: &[u16]| -> Vec<u8> { numbers.iter().flat_map(|number| number.to_be_bytes()).collect() };
    let (mut all, mut associations) = (Vec::new(), (items.len() as u32).to_be_bytes().to_vec());
    // Each item has properties of its own.
    let mut place = 0;
    for (item, number) in items.iter().zip(1..) {
        associations.extend([&shorts(&[number])[..], &[item.properties.len() as u8]].concat());
        for property in &item.properties {
            place += 1;
            all.extend_from_slice(property);
            associations.push(place);
        }
    }
    let infos: Vec<u8> = items
        .iter()
        .zip(1..)
        .flat_map(|(item, number)| {
            let head = [&[2, 0, 0, 0], &shorts(&[number, 0])[..], &item.kind, b"\0"].concat();
            boxed(b"infe", &head)
        })
        .collect();
    let links: Vec<u8> = references
        .iter()
        .flat_map(|(kind, from, to)| boxed(kind, &shorts(&[&[*from, to.len() as u16], *to].concat())))
        .collect();
    let meta = |first: usize| {
        let (mut offset, mut places) = (first, [&[0x44, 0][..], &shorts(&[items.len() as u16])].concat());
        for (item, number) in items.iter().zip(1..) {
            places.extend(shorts(&[number, 0, 1]));
            places.extend([offset as u32, item.data.len() as u32].map(u32::to_be_bytes).as_flattened());
            offset += item.data.len();
        }
        let properties = [boxed(b"ipco", &all), full(b"ipma", &associations)].concat();
        let tables = [
            full(b"pitm", &shorts(&[1])),
            full(b"iloc", &places),
            full(b"iinf", &[shorts(&[items.len() as u16]), infos.clone()].concat()),
            full(b"iref", &links),
            boxed(b"iprp", &properties),
            boxed(b"grpl", groups),
        ];
        [boxed(b"ftyp", b"avif\0\0\0\0mif1avif"), full(b"meta", &tables.concat())].concat()
    };
    let data: Vec<u8> = items.iter().flat_map(|item| item.data.clone()).collect();
    [meta(meta(0).len() + 8), boxed(b"mdat", &data)].concat()
}

/// R, G, B of pixels, in rows.
#[derive(Debug, Clone, PartialEq)]
struct Pixels {
    width: usize,
    height: usize,
    rgb: Vec<[u8; 3]>,
}

impl Pixels {
    fn of(picture: &Picture) -> Pixels {
        let Planes::Rgb(plane) = &picture.planes else { panic!("no colours") };
        let rgb = plane.samples.as_chunks::<3>().0.to_vec();
        Pixels { width: picture.width as usize, height: picture.height as usize, rgb }
    }

    /// Another picture of this one's pixels; `at` says where each comes from.
    fn moved(&self, (width, height): (usize, usize), at: impl Fn(usize, usize) -> (usize, usize)) -> Pixels {
        let places = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
        let rgb = places.map(|(x, y)| at(x, y)).map(|(x, y)| self.rgb[y * self.width + x]).collect();
        Pixels { width, height, rgb }
    }

    fn mirrored(&self) -> Pixels {
        self.moved((self.width, self.height), |x, y| (self.width - 1 - x, y))
    }

    /// Turned against the clock.
    fn turned(&self) -> Pixels {
        self.moved((self.height, self.width), |x, y| (self.width - 1 - y, x))
    }

    fn twice(&self) -> Pixels {
        self.moved((2 * self.width, self.height), |x, y| (x % self.width, y))
    }
}

/// What a file's record is of, whether that is flagged, and the faces by name.
fn seen(bytes: &[u8]) -> (Pixels, bool, Vec<(String, Pixels)>) {
    static NAMED: Once = Once::new();
    NAMED.call_once(|| helper::use_program(Path::new(env!("CARGO_BIN_EXE_shadegrid")), &["decoder".into()]));
    let mut decoder = Decoder::new(DecodeOptions::default());
    let decoded = decoder.decode(bytes).unwrap();
    let (own, unusual) = (Pixels::of(&decoded.picture), decoded.viewing.unusual);
    let mut faces = Vec::new();
    if decoded.has_faces() {
        let mut see = |face: Face, picture: &Picture| faces.push((face.to_string(), Pixels::of(picture)));
        decoder.faces(bytes, decoded, &mut see);
    }
    (own, unusual, faces)
}

fn plain() -> Pixels {
    let (own, unusual, faces) = seen(&file(&[picture(&[])], &[], &[]));
    assert!(!unusual && faces.is_empty());
    own
}

/// Asserts that both are hashed.
fn shows(bytes: &[u8], listed: &Pixels, browser: &Pixels) {
    let (own, unusual, faces) = seen(bytes);
    assert!(own == *listed && unusual, "{}x{} {unusual}", own.width, own.height);
    let names: Vec<&str> = faces.iter().map(|(name, _)| &**name).collect();
    assert_eq!(names, ["browser"]);
    assert!(faces[0].1 == *browser, "{}x{}", faces[0].1.width, faces[0].1.height);
}

/// Asserts that there is no doubt about the picture.
fn shows_alone(bytes: &[u8], expected: &Pixels) {
    let (own, unusual, faces) = seen(bytes);
    assert!(own == *expected && !unusual && faces.is_empty(), "{}x{} {unusual}", own.width, own.height);
}

#[test]
fn turns_and_mirrors_have_an_order_of_their_own() {
    let plain = plain();
    let with = |properties: &[Vec<u8>]| file(&[picture(properties)], &[], &[]);
    shows_alone(&with(&[turn(1), mirror()]), &plain.turned().mirrored());
    shows(&with(&[mirror(), turn(1)]), &plain.mirrored().turned(), &plain.turned().mirrored());
    shows(&with(&[turn(1), turn(2)]), &plain.turned().turned().turned(), &plain.turned());
    shows(&with(&[mirror(), mirror()]), &plain, &plain.mirrored());
}

#[test]
fn browsers_cut_from_the_left_and_top_alone() {
    let plain = plain();
    let with = |cut: Vec<u8>| file(&[picture(&[cut])], &[], &[]);
    let part = |left: usize, top: usize| plain.moved((48, 40), |x, y| (x + left, y + top));
    shows(&with(cut((48, 40), (0, 0))), &part(24, 16), &plain);
    shows_alone(&with(cut((48, 40), (-48, -32))), &part(0, 0));
    shows_alone(&with(cut((400, 40), (0, 0))), &plain);
    shows_alone(&with(cut((48, 40), (90, 0))), &plain);
}

#[test]
fn of_alternatives_browsers_show_the_first() {
    let plain = plain();
    let of = |items: [u32; 4]| full(b"altr", items.map(u32::to_be_bytes).as_flattened());
    let with = |group: &[u8]| file(&[picture(&[]), picture(&[mirror()])], &[], group);
    shows(&with(&of([9, 2, 2, 1])), &plain, &plain.mirrored());
    shows_alone(&with(&of([9, 2, 1, 2])), &plain);
    // A group of others, and items that are not there.
    shows_alone(&with(&of([9, 2, 2, 3])), &plain);
    shows_alone(&with(&of([9, 2, 7, 1])), &plain);
}

#[test]
fn tiles_are_as_they_are_to_browsers() {
    let plain = plain();
    let tile = || picture(&[turn(2)]);
    let bytes = file(&[grid(), tile(), tile()], &[(b"dimg", 1, &[2, 3])], &[]);
    shows(&bytes, &plain.turned().turned().twice(), &plain.twice());
    let bytes = file(&[grid(), picture(&[]), picture(&[])], &[(b"dimg", 1, &[2, 3])], &[]);
    shows_alone(&bytes, &plain.twice());
}

#[test]
fn opacity_is_turned_with_its_picture_and_may_be_of_tiles() {
    let opacity = || picture(&[of_opacity()]);
    let of_two = &[(b"auxl", 2, &[1][..])];
    let over = |bytes: &[u8], name: &str| {
        let (_, unusual, faces) = seen(bytes);
        (unusual, faces.into_iter().find(|(face, _)| face == name).unwrap().1)
    };
    let (unusual, white) = over(&file(&[picture(&[]), opacity()], of_two, &[]), "white");
    assert!(!unusual);
    let turned = file(&[picture(&[turn(2)]), opacity()], of_two, &[]);
    assert_eq!(over(&turned, "browser-white"), (true, white.turned().turned()));
    assert_ne!(over(&turned, "white").1, white.turned().turned());
    // As encoders write it.
    let both = file(&[picture(&[turn(2)]), picture(&[of_opacity(), turn(2)])], of_two, &[]);
    assert_eq!(over(&both, "white"), (false, white.turned().turned()));
    let tiles = [grid(), picture(&[]), picture(&[]), opacity(), opacity()];
    let references: [(&[u8; 4], u16, &[u16]); 3] =
        [(b"dimg", 1, &[2, 3]), (b"auxl", 4, &[2]), (b"auxl", 5, &[3])];
    let bytes = file(&tiles, &references, &[]);
    assert_eq!(over(&bytes, "browser-white"), (true, white.twice()));
    assert_eq!(seen(&bytes).0, plain().twice());
}
