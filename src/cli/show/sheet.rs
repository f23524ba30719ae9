//! Drawings on a page of their own, or as one picture.

use std::fmt::Write as _;
use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use shadegrid::Error;

use super::canvas::Canvas;
use super::drawing::{CELLS, arrows, bits, of_bits, of_gradients};
use super::panels::{BITS, Differences, GRADIENTS, LUMINANCE, PICTURE, REBUILT, SHADING, Shown};
use crate::cli::compare::Pair;
use crate::cli::console;
use crate::cli::output::Target;
use crate::cli::page::{self, escaped};

/// Side of a drawing, in pixels: a multiple of 6 cells and near ones of 16 bits and 26 points.
const SIDE: usize = 240;

/// Around drawings in one picture.
const MARGIN: usize = 12;

const STYLE: &str = "\
body{max-width:70rem}.row{display:grid;grid-template-columns:repeat(auto-fill,minmax(15rem,1fr));gap:1rem}\
.three{display:grid;grid-template-columns:repeat(3,minmax(0,1fr));gap:1rem}.three h2{margin:1.2rem 0 0}.three h2 small{display:block;font-weight:400;font-size:.875rem;color:var(--soft)}\
figure{margin:0}figure img{width:100%;aspect-ratio:1;object-fit:contain;image-rendering:pixelated;background:var(--card);display:block}\
figure img.smooth{image-rendering:auto}figcaption{font-size:.875rem;color:var(--soft);overflow-wrap:anywhere}\
@media(max-width:40rem){.row{grid-template-columns:repeat(2,minmax(0,1fr));gap:.6rem}.three{gap:.4rem}.three figcaption,.three h2 small{font-size:.75rem;line-height:1.3}.three h2{font-size:.95rem}\
td:first-child{min-width:0}td:not(:first-child){white-space:normal}}\
@media print{.three,.row{gap:.4rem}figure,section{break-inside:avoid}figure img{print-color-adjust:exact;-webkit-print-color-adjust:exact}}";

/// The drawings of an input, in their order.
const NAMES: [&str; 5] = [PICTURE, SHADING, GRADIENTS, LUMINANCE, BITS];

/// One drawing of an input, if it has it.
fn drawing(shown: &Shown, name: &str) -> Option<Canvas> {
    match name {
        PICTURE => shown.picture.clone(),
        SHADING => shown.points(),
        GRADIENTS => shown.photodna.as_ref().map(|signature| arrows(signature, SIDE / 6)),
        LUMINANCE => shown.luminance(),
        BITS => shown.pdq.as_ref().map(bits),
        _ if name == REBUILT[0] => shown.photodna.as_ref().map(of_gradients),
        _ => shown.pdq.as_ref().map(of_bits),
    }
}

/// The whole page.
pub(super) fn page(shown: &[Shown], differences: Option<&(Differences, Pair)>) -> Result<String, Error> {
    let names: Vec<&str> = shown.iter().map(|shown| shown.name.as_str()).collect();
    let title = format!("Shadegrid show: {}", names.join(", "));
    let mut body = format!("<h1>{}</h1>{}", escaped(&title), page::made());
    match (shown, differences) {
        ([left, right], Some((differences, comparison))) => {
            distances(&mut body, comparison);
            compared(&mut body, [left, right], differences)?;
        }
        _ => {
            for shown in shown {
                let _ = write!(
                    body,
                    "<section><h2>{}</h2><p>{}</p>",
                    escaped(&shown.name),
                    escaped(&shown.about)
                );
                body.push_str("<div class=\"row\">");
                for name in NAMES.into_iter().chain(REBUILT) {
                    if let Some(canvas) = drawing(shown, name) {
                        figure(&mut body, name, name, &canvas)?;
                    }
                }
                body.push_str("</div></section>");
            }
        }
    }
    body.push_str(
        "<p class=\"note\">The shading is what the PhotoDNA-class signature looks at: means of the picture around 26×26 points, the darkest black. Of it, the \
         signature keeps for 6×6 cells how much the picture gets brighter to the left, to the right, upwards and downwards (arms); the arrow is their sum. PDQ \
         looks at 64×64 means of the luminance; a bit is white where a frequency of these is above the median of all. What is rebuilt from a signature alone shows what it gives \
         away. A difference is white where it is largest, which is written below it: of shading and luminance as a share of what lies between the darkest and the brightest point, of \
         gradients as the distance of the cell, which is about 155 between strangers.</p>",
    );
    Ok(page::styled(&title, STYLE, &body))
}

/// The distances, and what makes them say less.
fn distances(body: &mut String, comparison: &Pair) {
    let head = ["", "distance", "threshold", ""];
    if comparison.rows().next().is_some() {
        body.push_str(&page::table(&head, comparison.rows()));
    }
    for note in comparison.notes() {
        let _ = write!(body, "<p class=\"note\">{}</p>", escaped(&console::printable(note)));
    }
}

/// Two inputs next to one another, and what they differ in.
fn compared(body: &mut String, both: [&Shown; 2], differences: &Differences) -> Result<(), Error> {
    body.push_str("<div class=\"three\">");
    for shown in both {
        let (name, about) = (escaped(&shown.name), escaped(&shown.about));
        let _ = write!(body, "<h2>{name}<small>{about}</small></h2>");
    }
    body.push_str("<h2>Difference</h2>");
    for name in NAMES.into_iter().chain(REBUILT) {
        let drawings = both.map(|shown| drawing(shown, name));
        if drawings.iter().all(Option::is_none) {
            continue;
        }
        for canvas in drawings {
            match canvas {
                Some(canvas) => figure(body, name, name, &canvas)?,
                None => body.push_str("<div></div>"),
            }
        }
        match differences.of(name) {
            Some(difference) => {
                figure(body, name, &difference.scale, &difference.canvas)?;
            }
            None => body.push_str("<div></div>"),
        }
    }
    body.push_str("</div>");
    Ok(())
}

fn figure(body: &mut String, name: &str, caption: &str, canvas: &Canvas) -> Result<(), Error> {
    let is_smooth = name == PICTURE || name == GRADIENTS && canvas.width > CELLS || REBUILT.contains(&name);
    let class = if is_smooth { " class=\"smooth\"" } else { "" };
    let picture = BASE64.encode(canvas.png()?);
    let (name, caption) = (escaped(name), escaped(caption));
    let _ = write!(
        body,
        "<figure><img{class} alt=\"{name}\" src=\"data:image/png;base64,{picture}\"><figcaption>{caption}</figcaption></figure>"
    );
    Ok(())
}

/// One picture of all drawings: a row for each input; of two a column for each, and one for what they differ in.
pub(super) struct Sheet {
    canvas: Canvas,
}

/// All drawings as one picture.
pub(super) fn picture(shown: &[Shown], differences: Option<&(Differences, Pair)>) -> Result<Sheet, Error> {
    let of = |shown: &Shown| NAMES.map(|name| drawing(shown, name)).to_vec();
    let rows: Vec<Vec<Option<Canvas>>> = match (shown, differences) {
        ([left, right], Some((differences, _))) => {
            let apart = NAMES.map(|name| differences.of(name).map(|difference| difference.canvas.clone()));
            let columns = of(left).into_iter().zip(of(right)).zip(apart);
            columns.map(|((left, right), apart)| vec![left, right, apart]).collect()
        }
        _ => shown.iter().map(of).collect(),
    };
    let step = SIDE + MARGIN;
    let across = rows.first().map_or(0, Vec::len);
    let (width, height) = (across * step + MARGIN, rows.len() * step + MARGIN);
    if height > u16::MAX.into() {
        return Err(Error::Input("too many pictures for one drawing: show fewer".to_string()));
    }
    let mut canvas = Canvas::new(width, height, [255; 3]);
    for (row, column, drawing) in rows
        .iter()
        .enumerate()
        .flat_map(|(row, all)| all.iter().enumerate().map(move |(column, drawing)| (row, column, drawing)))
    {
        let Some(drawing) = drawing else { continue };
        let fitted = drawing.fitted(SIDE);
        let (left, top) = (MARGIN + column * step, MARGIN + row * step);
        canvas.draw(&fitted, (left + (SIDE - fitted.width) / 2, top + (SIDE - fitted.height) / 2));
    }
    Ok(Sheet { canvas })
}

impl Sheet {
    /// Writes the picture.
    pub(super) fn write(&self, target: Target) -> Result<(), Error> {
        let (output, mut to) = target.begin()?;
        to.write_all(&self.canvas.png()?).map_err(|error| Error::io("cannot write", error))?;
        output.complete()
    }
}
