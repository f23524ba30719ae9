//! The rates as comma-separated values: one line for each contender.

use super::report::Report;

/// The names of the columns, by which a file of ours is known.
const HEAD: &str = "contender,threads,software,pictures_per_second,least,most,megapixels_per_second,megabytes_per_second,times_the_first,differing_records";

pub(super) fn csv(report: &Report) -> String {
    let mut text = format!("{HEAD}\n");
    for contender in &report.contenders {
        let rate = contender.pictures_a_second();
        let fields = [
            quoted(&contender.name),
            contender.threads.to_string(),
            contender.is_software.to_string(),
            format!("{:.3}", rate.median),
            format!("{:.3}", rate.least),
            format!("{:.3}", rate.most),
            format!("{:.3}", contender.megapixels_a_second().median),
            format!("{:.3}", contender.megabytes_a_second().median),
            format!("{:.4}", contender.times(&report.contenders[0])),
            report.differing(contender).to_string(),
        ];
        text += &(fields.join(",") + "\n");
    }
    text
}

/// A driver's name may hold anything.
fn quoted(name: &str) -> String {
    let is_plain = !name.contains(['"', ',', '\n', '\r']);
    if is_plain { name.to_string() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_in_their_field() {
        assert_eq!(quoted("NVIDIA H200"), "NVIDIA H200");
        assert_eq!(quoted("llvmpipe (LLVM 15, \"256\" bits)"), "\"llvmpipe (LLVM 15, \"\"256\"\" bits)\"");
    }
}
