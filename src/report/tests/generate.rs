//! Reports made by chance from the tables, and what breaks exactly one rule of one.

use serde_json::{Map, Value, json};

use super::super::model::REPORT;
use super::super::model::element::{Element, Field, Kind, Place, Times, UNBOUNDED};
use super::super::problem::Rule;

/// Numbers that look like chance.
pub(in crate::report) struct Chance(u64);

impl Chance {
    pub(in crate::report) fn new(seed: u64) -> Chance {
        Chance(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x1234_5678_9abc_def1)
    }

    pub(in crate::report) fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % end
    }

    fn once_in(&mut self, number: usize) -> bool {
        self.below(number) == 0
    }
}

/// A report that breaks no rule.
pub(in crate::report) fn report(seed: u64) -> Value {
    let mut chance = Chance::new(seed);
    let mut value = element(&REPORT, &mut chance, 0);
    put_right(&mut value, &mut chance);
    value
}

fn element(table: &Element, chance: &mut Chance, depth: usize) -> Value {
    let mut members = Map::new();
    fill(&mut members, table, chance, depth);
    Value::Object(members)
}

fn fill(members: &mut Map<String, Value>, table: &Element, chance: &mut Chance, depth: usize) {
    for field in table.fields {
        if let Kind::Inline(inner) = field.kind {
            fill(members, inner, chance, depth);
            continue;
        }
        let often = if depth == 0 { 2 } else { 2 + depth };
        let length = chance.below(if depth < 2 { 4 } else { 3 });
        let value = match field.times {
            Times::One => single(field, chance, depth),
            Times::Optional if chance.once_in(often) => single(field, chance, depth),
            Times::Many if chance.once_in(often) => list(field, chance, depth, length),
            Times::Some => list(field, chance, depth, 1 + length),
            Times::Optional | Times::Many => continue,
        };
        members.insert(field.json.to_string(), value);
    }
}

fn list(field: &Field, chance: &mut Chance, depth: usize, length: usize) -> Value {
    (0..length).map(|_| single(field, chance, depth)).collect()
}

fn single(field: &Field, chance: &mut Chance, depth: usize) -> Value {
    match field.kind {
        Kind::Element(table) => element(table, chance, depth + 1),
        Kind::Inline(_) => Value::Null,
        Kind::Flag => chance.once_in(2).into(),
        Kind::Number(least, most) => match chance.below(3) {
            0 => least.into(),
            1 => most.into(),
            _ => (least + chance.below((most - least).min(1000) as usize + 1) as i64).into(),
        },
        Kind::Degrees(most) => (most * (chance.below(2001) as f64 / 1000.0 - 1.0)).into(),
        Kind::Marks(words) => words.iter().filter(|_| chance.once_in(3)).copied().rev().collect(),
        Kind::Choice(words) => words[chance.below(words.len())].into(),
        Kind::Text(longest) => text(chance, longest, field.place).into(),
        Kind::Url(_) => format!("https://a.example/?b&c=<{}>", chance.below(1000)).into(),
        Kind::Email => format!("a{}@b.example", chance.below(1000)).into(),
        Kind::CallingCode => format!("+{}", 1 + chance.below(999)).into(),
        Kind::Extension => chance.below(1_000_000).to_string().into(),
        Kind::Evidence => format!("sha256:{:064x}", chance.below(1000)).into(),
        Kind::Data => "AAAA".into(),
        Kind::Past => ["2026-11-20T09:59:59Z", "2012-10-15T08:00:00-07:00", "2026-01-01T00:00:00.250+05:45"]
            [chance.below(3)]
        .into(),
        Kind::Time => ["2027-01-01T00:00:00Z", "2012-10-15T08:00:00-07:00"][chance.below(2)].into(),
        Kind::Day => ["2010-02-28", "1950-01-31", "2026-11-20"][chance.below(3)].into(),
        Kind::Ip => ["203.0.113.7", "2001:db8::7"][chance.below(2)].into(),
    }
}

fn text(chance: &mut Chance, longest: usize, place: Place) -> String {
    // No control characters in attributes.
    let characters = ["a", "é", "<", "&", "\"", "'", "]]>", "😀", " ", "\r\n", "\t"];
    let kinds = if place == Place::Attribute { 9 } else { characters.len() };
    let mut text = "x".to_string();
    if longest < 3000 && chance.once_in(10) {
        return "é".repeat(longest);
    }
    for _ in 0..chance.below(12) {
        text.push_str(characters[chance.below(kinds)]);
    }
    text.chars().take(longest).collect()
}

/// Keeps the rules between parts.
fn put_right(report: &mut Value, chance: &mut Chance) {
    for internet in list_of(&mut report["internet"]) {
        let members = internet.as_object_mut().unwrap();
        let names: Vec<String> = members.keys().cloned().collect();
        let kept = (!names.is_empty()).then(|| names[chance.below(names.len())].clone());
        members.retain(|name, _| Some(name) == kept.as_ref());
        if members.is_empty() {
            members.insert("non_internet".into(), json!({}));
        }
    }
    if report["reporter"]["emails"].as_array().is_none_or(Vec::is_empty) {
        report["reporter"]["emails"] = json!([{ "email": "reporter@a.example" }]);
    }
    for (place, file) in list_of(&mut report["files"]).iter_mut().enumerate() {
        file["id"] = format!("f{place}").into();
        let members = file.as_object_mut().unwrap();
        match chance.once_in(2) {
            true => {
                members.remove("data");
                members.insert("evidence".into(), format!("sha256:{place:064x}").into());
            }
            false => {
                members.remove("evidence");
                members.insert("data".into(), "AAAA".into());
            }
        }
        if members.get("relevance").is_some_and(|relevance| relevance == "Supplemental Reported") {
            members.remove("classification");
            members.remove("annotations");
        }
        if members.get("exif_viewed") == Some(&true.into()) {
            members.insert("viewed".into(), true.into());
        }
    }
}

fn list_of(value: &mut Value) -> &mut [Value] {
    value.as_array_mut().map_or(&mut [], |list| list)
}

/// A place in a report: its path, and the field whose value stands there.
struct Spot {
    path: String,
    pointer: String,
    field: &'static Field,
}

/// Every place of a report that has a value of a field, and every element.
fn spots(value: &Value, table: &'static Element) -> (Vec<Spot>, Vec<(String, String)>) {
    let (mut spots, mut elements) = (Vec::new(), Vec::new());
    walk(value, table, "", "", &mut spots, &mut elements);
    (spots, elements)
}

fn walk(
    value: &Value,
    table: &'static Element,
    path: &str,
    pointer: &str,
    spots: &mut Vec<Spot>,
    elements: &mut Vec<(String, String)>,
) {
    if !elements.iter().any(|(known, _)| known == path) {
        elements.push((path.to_string(), pointer.to_string()));
    }
    for field in table.fields {
        if let Kind::Inline(inner) = field.kind {
            walk(value, inner, path, pointer, spots, elements);
            continue;
        }
        let name = if path.is_empty() { field.json.to_string() } else { format!("{path}.{}", field.json) };
        let pointer = format!("{pointer}/{}", field.json);
        let mut visit = |path: String, pointer: String, value: &Value| {
            spots.push(Spot { path: path.clone(), pointer: pointer.clone(), field });
            if let Kind::Element(inner) = field.kind {
                walk(value, inner, &path, &pointer, spots, elements);
            }
        };
        match value.get(field.json) {
            Some(Value::Array(list)) if matches!(field.times, Times::Many | Times::Some) => {
                for (place, value) in list.iter().enumerate() {
                    visit(format!("{name}[{place}]"), format!("{pointer}/{place}"), value);
                }
            }
            Some(value) if !value.is_null() => visit(name, pointer, value),
            _ => {}
        }
    }
}

/// A report that breaks one rule, where, and which.
pub(in crate::report) fn broken(seed: u64) -> (Value, String, Rule) {
    let mut chance = Chance::new(seed ^ 0x5555);
    loop {
        let mut value = report(seed.wrapping_add(chance.below(1 << 30) as u64));
        if let Some((path, rule)) = break_one(&mut value, &mut chance) {
            return (value, path, rule);
        }
    }
}

fn break_one(value: &mut Value, chance: &mut Chance) -> Option<(String, Rule)> {
    let (spots, elements) = spots(value, &REPORT);
    match chance.below(9) {
        0 => {
            let (path, pointer) = &elements[chance.below(elements.len())];
            value.pointer_mut(pointer)?.as_object_mut()?.insert("other".into(), 1.into());
            // A stranger among the kinds of incidents is another kind to who counts them.
            let is_choice = path.starts_with("internet[") && !path.contains('.');
            (!is_choice).then(|| {
                (if path.is_empty() { "other".into() } else { format!("{path}.other") }, Rule::Unknown)
            })
        }
        1 => {
            let required: Vec<&Spot> = spots
                .iter()
                .filter(|spot| spot.field.times == Times::One && !spot.path.ends_with(']'))
                .collect();
            let spot = required.get(chance.below(required.len()))?;
            // The e-mail of the only reporter, and the only id of files, are other rules' too.
            let (parent, name) = spot.pointer.rsplit_once('/')?;
            value.pointer_mut(parent)?.as_object_mut()?.remove(name);
            Some((spot.path.clone(), Rule::Missing))
        }
        2 => break_between(value, chance),
        _ => {
            let spot = &spots[chance.below(spots.len())];
            let (wrong, rule) = wrong(spot, chance)?;
            let place = value.pointer_mut(&spot.pointer)?;
            if let (Kind::Marks(_), Value::Array(list)) = (spot.field.kind, &mut *place) {
                let path = format!("{}[{}]", spot.path, list.len());
                match rule {
                    Rule::Twice => list.push(list.first()?.clone()),
                    _ => list.push(wrong),
                }
                return Some((path, rule));
            }
            *place = wrong;
            Some((spot.path.clone(), rule))
        }
    }
}

/// Breaks a rule between parts.
fn break_between(value: &mut Value, chance: &mut Chance) -> Option<(String, Rule)> {
    if chance.once_in(4) {
        value["reporter"]["emails"] = json!([]);
        return Some(("reporter.emails".into(), Rule::Missing));
    }
    if chance.once_in(3) {
        let internet = list_of(&mut value["internet"]).first_mut()?;
        *internet = if chance.once_in(2) { json!({}) } else { json!({ "chat": {}, "gaming": {} }) };
        return Some(("internet[0]".into(), Rule::ExactlyOne));
    }
    let files = list_of(&mut value["files"]);
    let place = chance.below(files.len().max(1));
    let file = files.get_mut(place)?;
    let path = |name: &str| format!("files[{place}]{name}");
    match chance.below(5) {
        0 => {
            file["exif_viewed"] = true.into();
            file["viewed"] = [json!(false), Value::Null][chance.below(2)].clone();
            Some((path(".exif_viewed"), Rule::Viewed))
        }
        1 => {
            file["relevance"] = "Supplemental Reported".into();
            file["annotations"] = json!(["viral"]);
            file["classification"] = "B1".into();
            Some((path(".classification"), Rule::Supplemental))
        }
        2 => {
            file["relevance"] = "Supplemental Reported".into();
            file["annotations"] = json!(["viral", "potentialMeme"]);
            file["classification"] = Value::Null;
            Some((path(".annotations[1]"), Rule::Supplemental))
        }
        3 => {
            (file["evidence"], file["data"]) = (Value::Null, Value::Null);
            Some((path(""), Rule::ExactlyOne))
        }
        _ if place > 0 => {
            file["id"] = "f0".into();
            Some((path(".id"), Rule::Twice))
        }
        _ => None,
    }
}

/// A value that breaks one rule of a field, and the rule.
fn wrong(spot: &Spot, chance: &mut Chance) -> Option<(Value, Rule)> {
    let kind = spot.field.kind;
    if let Kind::Marks(_) = kind {
        return Some(
            [(json!("other"), Rule::Choice), (json!(1), Rule::Type), (json!(null), Rule::Twice)]
                [chance.below(3)]
            .clone(),
        );
    }
    // The only thing that an element's place can hold wrongly is no element. What depends on it is another rule's.
    if let Kind::Element(_) = kind {
        return None;
    }
    let of_text = [(json!("  "), Rule::Blank), (json!("a\u{0}b"), Rule::Character), (json!(7), Rule::Type)];
    let mut choices: Vec<(Value, Rule)> = match kind {
        Kind::Flag => vec![(json!("true"), Rule::Type), (json!(1), Rule::Type)],
        Kind::Number(least, most) => {
            let mut choices =
                vec![(json!("1"), Rule::Type), (json!(1.5), Rule::Type), (json!(least - 1), Rule::Range)];
            choices.push((json!(most as u64 + 1), Rule::Range));
            choices
        }
        Kind::Degrees(most) => vec![(json!("1"), Rule::Type), (json!(most + 0.5), Rule::Range)],
        Kind::Choice(_) => vec![(json!("other"), Rule::Choice), (json!(7), Rule::Type)],
        Kind::Data => vec![(json!("AAA"), Rule::Form), (json!(7), Rule::Type)],
        _ => of_text.to_vec(),
    };
    match kind {
        Kind::Text(longest) | Kind::Url(longest) if longest != UNBOUNDED => {
            choices.push((json!("é".repeat(longest + 1)), Rule::Length));
        }
        Kind::Email => choices.push((json!(format!("a@{}", "b".repeat(254))), Rule::Length)),
        Kind::Past => choices.extend([
            (json!("2026-11-20T10:00:00Z"), Rule::Past),
            (json!("2027-01-01T00:00:00Z"), Rule::Past),
        ]),
        Kind::Day => choices.push((json!("2026-11-21"), Rule::Past)),
        _ => {}
    }
    if let Kind::Past | Kind::Time = kind {
        choices.extend([(json!("2012-10-15T08:00:00"), Rule::Zone), (json!("Monday"), Rule::Form)]);
    }
    if let Kind::Url(_)
    | Kind::Email
    | Kind::CallingCode
    | Kind::Extension
    | Kind::Evidence
    | Kind::Ip
    | Kind::Day = kind
    {
        choices.push((json!("-"), Rule::Form));
    }
    if spot.field.place == Place::Attribute && matches!(kind, Kind::Text(_)) {
        choices.push((json!("a\nb"), Rule::Character));
    }
    // A file that was not viewed breaks a rule of its EXIF too, and an id that is gone none.
    let depends =
        spot.field.json == "viewed" || spot.path.ends_with(".id") && spot.path.starts_with("files[");
    (!depends).then(|| choices[chance.below(choices.len())].clone())
}
