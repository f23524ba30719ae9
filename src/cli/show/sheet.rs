//! Drawings on a page of their own, or as one picture.

use std::fmt::Write as _;
use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use shadegrid::Error;

use super::canvas::Canvas;
use super::drawing::{arrows, bits, of_bits, of_gradients};
use super::panels::{BITS, Differences, GRADIENTS, PICTURE, REBUILT, SHADING, Shown};
use crate::cli::output::Target;
use crate::cli::page::{self, escaped};

/// Side of a drawing, in pixels: a multiple of 6 cells and near ones of 16 bits and 26 points.
const SIDE: usize = 240;

/// Around drawings in one picture.
const MARGIN: usize = 12;

const STYLE: &str = "\
body{max-width:70rem}.row{display:flex;flex-wrap:wrap;gap:1rem}figure{margin:0}\
figure img{width:15rem;height:15rem;object-fit:contain;image-rendering:pixelated;background:#101418;display:block}\
figure img.smooth{image-rendering:auto}figcaption{font-size:.875rem;color:var(--soft)}pre{overflow-x:auto}\
@media(max-width:40rem){.row{gap:.6rem}figure{width:calc(50% - .3rem)}figure img{width:100%;height:auto;aspect-ratio:1}}\
@media print{figure img{width:10rem;height:10rem}section{break-inside:avoid}}";

/// The drawings of an input that there are, with their names.
fn drawings(shown: &Shown) -> Vec<(&'static str, Canvas)> {
    let all = [
        (PICTURE, shown.picture.clone()),
        (SHADING, shown.points()),
        (GRADIENTS, shown.photodna.as_ref().map(|signature| arrows(signature, SIDE / 6))),
        (BITS, shown.pdq.as_ref().map(bits)),
    ];
    all.into_iter().filter_map(|(name, canvas)| Some((name, canvas?))).collect()
}

/// What the signatures of an input give away of it.
fn rebuilt(shown: &Shown) -> impl Iterator<Item = (&'static str, Canvas)> {
    let both = [shown.photodna.as_ref().map(of_gradients), shown.pdq.as_ref().map(of_bits)];
    REBUILT.into_iter().zip(both).filter_map(|(name, canvas)| Some((name, canvas?)))
}

/// The whole page.
pub(super) fn page(shown: &[Shown], differences: Option<&(Differences, String)>) -> Result<String, Error> {
    let names: Vec<&str> = shown.iter().map(|shown| shown.name.as_str()).collect();
    let title = format!("Shadegrid show: {}", names.join(", "));
    let mut body = format!("<h1>{}</h1>{}", escaped(&title), page::made());
    for shown in shown {
        let _ = write!(body, "<section><h2>{}</h2><p>{}</p>", escaped(&shown.name), escaped(&shown.about));
        let all: Vec<(&str, Canvas)> = drawings(shown).into_iter().chain(rebuilt(shown)).collect();
        row(&mut body, all.iter().map(|(name, canvas)| (*name, canvas)))?;
        body.push_str("</section>");
    }
    if let Some((differences, distances)) = differences {
        body.push_str("<section><h2>Differences</h2><p>The lighter, the more the two differ there.</p>");
        row(&mut body, differences.all())?;
        let _ = write!(body, "<pre>{}</pre></section>", escaped(distances));
    }
    body.push_str(
        "<p class=\"note\">The shading is what the PhotoDNA-class signature looks at: means of the picture around 26×26 points, the darkest black. Of it, the \
         signature keeps for 6×6 cells how much the picture gets brighter to the left, to the right, upwards and downwards (arms); the arrow is their sum. A \
         bit of PDQ is white where a frequency of the picture is above the median of all. What is rebuilt from a signature alone shows what it gives away.</p>",
    );
    Ok(page::styled(&title, STYLE, &body))
}

fn row<'a>(
    body: &mut String,
    drawings: impl Iterator<Item = (&'static str, &'a Canvas)>,
) -> Result<(), Error> {
    body.push_str("<div class=\"row\">");
    for (name, canvas) in drawings {
        let is_smooth = name == PICTURE || REBUILT.contains(&name);
        let class = if is_smooth { " class=\"smooth\"" } else { "" };
        let picture = BASE64.encode(canvas.png()?);
        let name = escaped(name);
        let _ = write!(
            body,
            "<figure><img{class} alt=\"{name}\" src=\"data:image/png;base64,{picture}\"><figcaption>{name}</figcaption></figure>"
        );
    }
    body.push_str("</div>");
    Ok(())
}

/// One picture of all drawings: a row for each input, and one for what two of them differ in.
pub(super) struct Sheet {
    canvas: Canvas,
}

/// All drawings as one picture.
pub(super) fn picture(shown: &[Shown], differences: Option<&(Differences, String)>) -> Result<Sheet, Error> {
    let mut rows: Vec<Vec<Option<Canvas>>> = Vec::new();
    for shown in shown {
        let mut all = drawings(shown);
        let mut take = |name: &str| {
            let place = all.iter().position(|(own, _)| *own == name)?;
            Some(all.remove(place).1)
        };
        rows.push([PICTURE, SHADING, GRADIENTS, BITS].map(&mut take).into());
    }
    if let Some((Differences { shading, cells, bits }, _)) = differences {
        rows.push(vec![None, shading.clone(), cells.clone(), bits.clone()]);
    }
    let step = SIDE + MARGIN;
    let (width, height) = (4 * step + MARGIN, rows.len() * step + MARGIN);
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
