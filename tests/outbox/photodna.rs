//! `Report` of the face of Microsoft's PhotoDNA Cloud Service, by requests as its clients are seen to send them.

use super::*;

const REPORT: &str = "/photodna/v1.0/Report";

/// What clients send: as the service's own example has it, and as public clients build it.
fn recorded() -> Vec<(&'static str, Value)> {
    let data = BASE64.encode(content(1, 0, 300));
    let example = json!({
        "OrgName": "TestOrg",
        "ReporterName": "Ada Example",
        "ReporterEmail": "test@example.org",
        "IncidentTime": "9/10/2014 9:08:14 PM",
        "ReporteeName": "Reportee1",
        "ReporteeIPAddress": "127.0.0.1",
        "ViolationContentCollection": [{
            "Name": "test.jpg", "Value": data, "Location": { "Latitude": "47.5", "Longitude": "-122.25", "Altitude": "" },
            "UploadIpAddress": "203.0.113.7", "UploadDateTime": "9/10/2014 9:07:00 PM",
            "AdditionalMetadata": [
                { "Key": "viewedByEsp", "Value": "true" }, { "Key": "publiclyAvailable", "Value": "false" },
                { "Key": "additionalInfo", "Value": "this is a test" },
            ],
        }],
        "AdditionalMetadata": [{ "Key": "IsTest", "Value": "true" }],
    });
    let chat = json!({
        "OrgName": "Chat", "ReporterName": "Reporter", "ReporterEmail": "r@example.org", "IncidentTime": "2023-08-20T15:30:00.125Z",
        "ReporteeName": "user.name", "ReporteeIPAddress": "127.0.0.1",
        "ViolationContentCollection": [{ "Name": "a.png", "Value": data }, { "Name": "b.png", "Value": data }],
    });
    // One file that is no list, metadata as an object, and a location as a text.
    let single = json!({
        "OrgName": "", "ReporterName": "", "ReporterEmail": "", "IncidentTime": "2023-08-20T15:30:00Z", "ReporteeName": "Unknown",
        "ReporteeIPAddress": "2001:db8::1",
        "ViolationContentCollection": {
            "Name": "c.jpg", "Value": data, "Location": "{\"latitude\":1.5,\"longitude\":2}", "UploadIpAddress": "198.51.100.9",
            "UploadDateTime": "2023-08-20T15:29:00Z",
            "AdditionalMetadata": { "publiclyAvailable": false, "additionalInfo": { "agent": "x" } },
        },
        "AdditionalMetadata": { "IsTest": true },
    });
    let other = json!({
        "orgname": "Other", "incidenttime": "2023-08-20 15:30:00", "reporteename": "someone", "CaseNumber": 7,
        "violationcontentcollection": [{ "name": "d.jpg", "value": format!("{}\r\n{}", &data[..40], &data[40..]),
            "location": "https://a.example/d.jpg", "uploadipaddress": "", "uploaddatetime": null, "Camera": "K1",
            "additionalmetadata": [{ "key": "VIEWEDBYESP", "value": "False" }, { "key": "Score", "value": "0.9" }] }],
        "additionalmetadata": [{ "key": "istest", "value": "TRUE" }, { "key": "Ticket", "value": "T-9" }],
    });
    vec![("the example", example), ("a chat", chat), ("one file", single), ("in small letters", other)]
}

fn ask(server: &Server, body: &Value) -> Answer {
    let headers = "Content-Type: application/json; charset=utf-8\r\nOcp-Apim-Subscription-Key: any\r\nx-usr: user\r\nx-pwd: hush\r\nx-user: user\r\n";
    server.post_with(REPORT, headers, body.to_string().as_bytes())
}

/// The id of the report that is kept.
fn kept(answer: &Answer) -> String {
    let answer = answer.is(200);
    assert_eq!(answer["Status"], json!({ "Code": 3000, "Description": "OK", "Exception": null }));
    assert_eq!(answer.as_object().unwrap().len(), 2);
    answer["TrackingId"].as_str().unwrap().strip_prefix("SG_1_report_").unwrap().to_string()
}

/// What is asked of NCMEC for a report.
fn asked(place: &Place, id: &str) -> Value {
    let shown = place.report(&["show", id, "--content"]);
    serde_json::from_slice::<Value>(&shown.stdout).unwrap()["request"].clone()
}

#[test]
fn recorded_requests_become_reports() {
    let place = Place::new();
    let server = place.serve();
    let mut ids = Vec::new();
    for (what, body) in recorded() {
        let id = kept(&ask(&server, &body));
        let shown = in_state(&server, &id, "preserved");
        assert_eq!(shown["mode"], "test", "{what}");
        // Sent again it is the same one.
        assert_eq!(kept(&ask(&server, &body)), id, "{what}");
        ids.push(id);
    }
    let finished = place.reports("finished");
    assert_eq!(finished.len(), ids.len());
    for (report, count) in finished.iter().zip([1, 2, 1, 1]) {
        let files = report["files"].as_array().unwrap();
        assert_eq!(files.len(), count);
        assert!(files.iter().all(|file| file["sha256"] == sha256(&content(1, 0, 300))));
    }
    let example = asked(&place, &ids[0]);
    assert_eq!(
        example,
        json!({
            "mode": "test",
            "incident": { "type": "Child Pornography (possession, manufacture, and distribution)", "time": "2014-09-10T21:08:14Z" },
            "reporter": { "first_name": "Ada", "last_name": "Example", "emails": [{ "email": "test@example.org" }],
                "legal_url": "https://a.example/legal" },
            "reported": { "screen_name": "Reportee1", "ip_events": [{ "ip": "127.0.0.1", "time": "2014-09-10T21:08:14Z" }] },
            "additional_info": "OrgName: TestOrg",
            "files": [{
                "id": "f1", "evidence": format!("sha256:{}", sha256(&content(1, 0, 300))), "name": "test.jpg",
                "uploaded": "2014-09-10T21:07:00Z", "viewed": true, "public": false,
                "ip_event": { "ip": "203.0.113.7", "event": "Upload", "time": "2014-09-10T21:07:00Z" },
                "details": [{ "entries": [{ "name": "Latitude", "value": "47.5" }, { "name": "Longitude", "value": "-122.25" }] }],
                "additional_info": ["this is a test"],
            }],
        })
    );
    let single = asked(&place, &ids[2]);
    // Who names no address of e-mail reports as the configuration says.
    assert_eq!(
        single["reporter"],
        json!({ "first_name": "R", "emails": [{ "email": "r@a.example" }], "legal_url": "https://a.example/legal" })
    );
    let file = &single["files"][0];
    assert_eq!(
        file["additional_info"],
        json!(["{\"agent\":\"x\"}", "Location: {\"latitude\":1.5,\"longitude\":2}"])
    );
    assert_eq!((&file["public"], file["viewed"].is_null()), (&false.into(), true));
    // Nothing is lost because it is not known.
    let other = asked(&place, &ids[3]);
    assert_eq!(other["additional_info"], "OrgName: Other\nTicket: T-9\nCaseNumber: 7");
    let file = &other["files"][0];
    assert_eq!(
        (&file["additional_info"], &file["location"]),
        (&json!(["Score: 0.9", "Camera: K1"]), &"https://a.example/d.jpg".into())
    );
    assert_eq!(
        (&file["viewed"], file["ip_event"].is_null(), file["uploaded"].is_null()),
        (&false.into(), true, true)
    );
    assert!(!place.known().to_string().contains("hush"), "its credentials are not used");
}

#[test]
fn what_is_wrong_is_named_as_the_client_calls_it() {
    let place = Place::new();
    let server = place.serve_with(&["--no-keys", "--max-request-bytes", "1M", "--max-pictures", "3"]);
    let (_, good) = recorded().remove(0);
    let mut cases = 0;
    for (path, value, named) in [
        ("/IncidentTime", json!("yesterday"), "IncidentTime: it is no time"),
        ("/IncidentTime", json!("1/1/2999 1:00:00 PM"), "IncidentTime: it is not at least a second ago"),
        ("/IncidentTime", json!(""), "IncidentTime: it is missing"),
        ("/IncidentTime", json!(7), "IncidentTime: a text is needed"),
        ("/ReporteeIPAddress", json!("Unknown"), "ReporteeIPAddress: it is no IP address"),
        ("/ReporterEmail", json!("nobody"), "ReporterEmail: it is no address of e-mail"),
        ("/ReporterName", json!("n".repeat(101)), "ReporterName: it has more than 100 characters"),
        ("/ReporteeName", json!("n".repeat(257)), "ReporteeName: it has more than 256 characters"),
        ("/ViolationContentCollection", json!([]), "ViolationContentCollection: at least one is needed"),
        ("/ViolationContentCollection/0", json!("x"), "ViolationContentCollection[0]: an object is needed"),
        (
            "/ViolationContentCollection/0/Value",
            json!("no base64!"),
            "ViolationContentCollection[0].Value: it is no base64",
        ),
        (
            "/ViolationContentCollection/0/Value",
            json!(""),
            "ViolationContentCollection[0].Value: it is missing",
        ),
        (
            "/ViolationContentCollection/0/UploadIpAddress",
            json!("x"),
            "ViolationContentCollection[0].UploadIpAddress: it is no IP address",
        ),
        (
            "/ViolationContentCollection/0/UploadDateTime",
            json!("x"),
            "ViolationContentCollection[0].UploadDateTime: it is no time",
        ),
        (
            "/ViolationContentCollection/0/AdditionalMetadata/0/Value",
            json!("perhaps"),
            "viewedByEsp: true or false is needed",
        ),
        (
            "/ViolationContentCollection/0/AdditionalMetadata",
            json!(["x"]),
            "ViolationContentCollection[0]: an object is needed",
        ),
        (
            "/AdditionalMetadata/0/Value",
            json!("perhaps"),
            "AdditionalMetadata.IsTest: true or false is needed",
        ),
        (
            "/AdditionalMetadata",
            json!([{ "Key": "IsTest", "Value": "true" }, { "Key": "istest", "Value": "false" }]),
            "AdditionalMetadata: a key stands twice",
        ),
        (
            "/AdditionalMetadata/0/Value",
            json!("false"),
            "AdditionalMetadata.IsTest: the configuration allows tests alone",
        ),
    ] {
        let mut body = good.clone();
        *body.pointer_mut(path).unwrap() = value;
        let answer = ask(&server, &body).is(400);
        assert_eq!(answer["Status"]["Code"], 3002, "{path}: {answer}");
        let said = answer["Status"]["Exception"].as_str().unwrap();
        assert!(said.contains(named), "{path}: {said}");
        assert!(answer["TrackingId"].as_str().unwrap().starts_with("SG_1_photodna_"));
        cases += 1;
    }
    let mut both = good.clone();
    (both["IncidentTime"], both["ReporterEmail"]) = ("x".into(), "x".into());
    let said = ask(&server, &both).is(400)["Status"]["Exception"].as_str().unwrap().to_string();
    assert!(said.contains("IncidentTime: ") && said.contains("; ReporterEmail: "), "all at once: {said}");
    for body in ["", "{", "[]", "\"x\"", "{\"a\":1,\"a\":2}"] {
        let answer = server.post(REPORT, "application/json", body.as_bytes()).is(400);
        assert!(
            answer["Status"]["Code"] == 3002 && answer["Status"]["Exception"].is_string(),
            "{body}: {answer}"
        );
    }
    let mut many = good.clone();
    many["ViolationContentCollection"] = vec![good["ViolationContentCollection"][0].clone(); 4].into();
    assert_eq!(ask(&server, &many).is(413)["Status"]["Code"], 3002);
    assert_eq!(
        server.post(REPORT, "application/json", &vec![b' '; (1 << 20) + 1]).is(413)["Status"]["Code"],
        3209
    );
    println!("{cases} wrong values");
    assert!(server.get("/v1/reports").is(200)["reports"].as_array().unwrap().is_empty());
    kept(&ask(&server, &good));
}

#[test]
fn nothing_is_filed_that_does_not_say_so() {
    let place = Place::new();
    // Where reports may be filed there is nobody in this test: what is for there stays.
    let production = "[production]\nuser_file = \"user\"\npassword_file = \"password\"\nurl = \"http://127.0.0.1:1/ispws\"\n";
    place.configure("pause = 3600\nmode = \"production\"\n", &format!("{}{production}", place.test()));
    let server = place.serve();
    let (_, mut body) = recorded().remove(0);
    let says = |body: &Value| ask(&server, body).is(400)["Status"]["Exception"].as_str().unwrap().to_string();
    for metadata in [
        json!(null),
        json!([]),
        json!({}),
        json!([{ "Key": "IsTest", "Value": "" }]),
        json!({ "Test": "false" }),
    ] {
        body["AdditionalMetadata"] = metadata.clone();
        assert!(says(&body).contains("AdditionalMetadata.IsTest: it has to be false"), "{metadata}");
    }
    body["AdditionalMetadata"] = json!([{ "Key": "IsTest", "Value": "true" }]);
    let test = kept(&ask(&server, &body));
    in_state(&server, &test, "preserved");
    body["AdditionalMetadata"] = json!([{ "Key": "IsTest", "Value": "false" }]);
    let filed = kept(&ask(&server, &body));
    let shown = until("it was tried", || {
        let shown = server.get(&format!("/v1/reports/{filed}")).is(200);
        shown["last_error"].is_string().then_some(shown)
    });
    assert_eq!((&shown["mode"], &shown["state"]), (&"production".into(), &"queued".into()));
    assert_eq!(place.reports("finished").len(), 1, "the test host sees the test alone");
    // What a person took back is not filed because a client asks again; and it is not said to be.
    server.post(&format!("/v1/reports/{filed}/retract"), "", b"").is(200);
    let again = ask(&server, &body).is(409);
    let said = again["Status"]["Exception"].as_str().unwrap();
    assert!(
        again["Status"]["Code"] == 3002 && said.contains(&filed) && said.contains("taken back"),
        "{again}"
    );
}
