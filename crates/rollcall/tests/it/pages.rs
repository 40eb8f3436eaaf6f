//! The pages, as a browser without scripts sees them.

use crate::common::server::{Answer, PASSWORD, Server, site};
use crate::common::{Desk, wait_until};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

const PAGE: (&str, &str) = ("accept", "text/html,application/xhtml+xml");

/// A browser, signed in or not.
struct Browser<'a> {
    server: &'a Server,
    cookie: String,
}

fn encoded(fields: &[(&str, &str)]) -> String {
    let one = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    fields.iter().map(|(name, value)| format!("{}={}", one(name), one(value))).collect::<Vec<_>>().join("&")
}

fn place(answer: &Answer) -> &str {
    answer.headers["location"].to_str().unwrap()
}

/// The value of a hidden field.
#[track_caller]
fn hidden(page: &str, name: &str) -> String {
    let mark = format!("name=\"{name}\" value=\"");
    let from = page.find(&mark).unwrap_or_else(|| panic!("no {name} in {page}")) + mark.len();
    page[from..].split('"').next().unwrap().to_owned()
}

impl<'a> Browser<'a> {
    fn new(server: &'a Server) -> Self {
        Self { server, cookie: String::new() }
    }

    fn signed_in(server: &'a Server, name: &str) -> Self {
        let mut browser = Self::new(server);
        let answer = browser
            .post("/login", &[("name", name), ("password", PASSWORD), ("code", ""), ("next", "/users")]);
        assert_eq!((answer.status.as_u16(), place(&answer)), (303, "/users"), "{}", answer.text);
        let cookie = answer.headers["set-cookie"].to_str().unwrap();
        browser.cookie = cookie.split(';').next().unwrap().to_owned();
        browser
    }

    fn get(&self, path: &str) -> Answer {
        self.server.get(path, &[PAGE, ("cookie", &self.cookie)])
    }

    #[track_caller]
    fn page(&self, path: &str) -> String {
        let answer = self.get(path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        let policy = answer.headers["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("script-src 'self';") && policy.contains("trusted-types 'none'"), "{policy}");
        answer.text
    }

    fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let headers =
            [PAGE, ("cookie", self.cookie.as_str()), ("content-type", "application/x-www-form-urlencoded")];
        self.server.send("POST", path, &headers, &encoded(fields))
    }

    /// Where a form leads that is done.
    #[track_caller]
    fn done(&self, path: &str, fields: &[(&str, &str)]) -> String {
        let answer = self.post(path, fields);
        assert_eq!(answer.status, 303, "{path}: {}", answer.text);
        place(&answer).to_owned()
    }

    /// The page of a run when it has ended.
    fn ended(&self, path: &str) -> String {
        wait_until("the run has ended", || self.page(path).contains("</span> finished</span>"));
        self.page(path)
    }
}

#[test]
fn from_signing_in_to_a_run_that_is_taken_back() {
    let desk = site();
    let server = Server::on(&desk);
    let browser = Browser::new(&server);
    let refused =
        browser.post("/login", &[("name", "ana"), ("password", "canary-of-nobody-at-all"), ("next", "/")]);
    assert_eq!(refused.status, 401);
    assert!(refused.text.contains("the name, the password or the code is wrong"), "{}", refused.text);
    // Nobody is sent to another site.
    let fields = [("name", "ana"), ("password", PASSWORD), ("next", "//evil.example")];
    assert_eq!(browser.done("/login", &fields), "/");
    let browser = Browser::signed_in(&server, "ana");
    let start = browser.page("/");
    assert!(start.contains("3 users") && start.contains("Nothing was run yet"), "{start}");
    let month = "/users?filter=is_active%20eq%20true%20and%20expiration%20gt%20now%20and%20";
    assert!(start.contains("Active users who expire, by month") && start.contains(month), "{start}");

    // A filter with a mistake is told in place, one without selects.
    let wrong = browser.page("/users?filter=klas%20eq%20%22gold%22");
    assert!(wrong.contains("aria-invalid") && wrong.contains("did you mean klass"), "{wrong}");
    assert!(wrong.contains("<mark>k</mark>las eq &#34;gold&#34;"), "{wrong}");
    let found = browser.page("/users?filter=klass%20eq%20%22gold%22");
    assert!(
        found.contains("2 users") && found.contains("/users/s1") && !found.contains("/users/n2"),
        "{found}"
    );
    assert_eq!(
        browser.done("/filters", &[("name", "golden"), ("filter", "klass eq \"gold\"")]),
        "/filters?done=saved"
    );
    let users = browser.page("/users");
    assert!(users.contains("/users?filter=golden") && users.contains("href=\"/import-users\""), "{users}");

    // A script with a mistake is not saved, and the line is told; what was typed is still there.
    let refused = browser.post("/new-script", &[("name", "give"), ("act", "save"), ("source", "if\r\n")]);
    assert_eq!(refused.status, 422);
    assert!(
        refused.text.contains("href=\"#line-1\"") && refused.text.contains("\nif\n</textarea>"),
        "{}",
        refused.text
    );
    // It is saved as a draft if that is asked for, and nothing runs it.
    assert!(refused.text.contains("value=\"draft\">Save as draft"), "{}", refused.text);
    let fields = [("name", "later"), ("act", "draft"), ("source", "if\r\n")];
    assert_eq!(browser.done("/new-script", &fields), "/scripts/later?done=saved");
    let draft = browser.page("/scripts/later?done=saved");
    assert!(draft.contains("Saved as version 1, a draft: it has errors and cannot run."), "{draft}");
    assert!(!draft.contains("/runs/new?script=later"), "{draft}");
    assert!(browser.page("/scripts").contains("draft, has errors</span>"));
    assert_eq!(browser.post("/runs/new", &[("script", "later"), ("who", "all")]).status, 422);

    let source = "\"\"\"Give a class.\"\"\"\r\nPARAMS = {'klass': str}\r\nprint('hm')\r\nuser.klass = params.klass\r\n";
    let fields = [("name", "give"), ("act", "save"), ("source", source)];
    assert_eq!(browser.done("/new-script", &fields), "/scripts/give?done=saved");
    let shown = browser.page("/scripts/give");
    assert!(shown.contains("<script-editor><textarea") && shown.contains("Give a class."), "{shown}");
    let fields =
        [("act", "try"), ("source", source), ("user", "n1"), ("param.klass", "plus"), ("version", "1")];
    let tried = browser.post("/scripts/give", &fields).text;
    assert!(
        tried.contains("<ins><span class=\"unseen\">now </span>plus</ins>") && tried.contains("hm\n"),
        "{tried}"
    );
    assert_eq!(desk.user("n1")["klass"], "gold");
    // Whoever has seen an older version writes over nothing.
    let fields = [("act", "save"), ("source", "pass"), ("version", "1")];
    assert_eq!(browser.done("/scripts/give", &fields), "/scripts/give?done=saved");
    assert_eq!(browser.post("/scripts/give", &fields).status, 412);
    let list = browser.page("/scripts");
    assert!(list.contains("fine</span>") && list.contains("<span class=\"soft\">never</span>"), "{list}");
    let fields = [("act", "try"), ("source", "x = 1\nx.y\nrow.z\n"), ("user", "n1"), ("version", "1")];
    let failed = browser.post("/scripts/give", &fields).text;
    assert!(failed.contains("href=\"#line-2\">Show line 2") && failed.contains("id=\"line-2\""), "{failed}");
    assert!(failed.contains("<code>attribute_add(attr, value") && failed.contains("Of a <code>Run</code>"));
    let history = browser.page("/scripts/give/history");
    assert!(history.contains("class=\"minus\">-user.klass = params.klass"), "{history}");
    assert_eq!(browser.done("/scripts/give/history", &[("version", "1")]), "/scripts/give?done=restored");

    // The preview, its plan, and its undo.
    let wizard = browser.page("/runs/new?who=filter&filter=golden&script=give");
    assert!(wizard.contains("Preview for 2 users") && wizard.contains("name=\"param.klass\""), "{wizard}");
    assert!(wizard.contains("Seconds for one user <small>empty: 5</small>"), "{wizard}");
    let once = hidden(&wizard, "once");
    let missing = browser.post("/runs/new", &[("script", "give"), ("who", "filter"), ("filter", "golden")]);
    assert_eq!(missing.status, 422);
    assert!(missing.text.contains("klass is missing"), "{}", missing.text);
    let fields = [
        ("script", "give"),
        ("who", "filter"),
        ("filter", "golden"),
        ("param.klass", "plus"),
        ("once", &once),
    ];
    let run = browser.done("/runs/new", &fields);
    assert_eq!(browser.done("/runs/new", &fields), run, "sent twice, it is one run");
    let preview = browser.ended(&run);
    assert!(preview.contains("Change 2 users"), "{preview}");
    assert!(
        preview.contains("<title>Target 1: changed 1;") && preview.contains("Along the list"),
        "{preview}"
    );
    assert_eq!(desk.user("n1")["klass"], "gold", "a preview writes nothing");
    assert!(browser.page(&format!("{run}/script")).contains("id=\"line-4\""));
    assert!(!browser.page(&format!("{run}?outcome=failed")).contains("/users/n1\">n1</a></th>"));
    let plan = hidden(&preview, "plan");
    let applied = browser.done(&format!("{run}/apply"), &[("plan", &plan)]);
    let page = browser.ended(&applied);
    assert!(page.contains("Preview the undo"), "{page}");
    assert_eq!(desk.user("n1")["klass"], "plus");
    assert!(browser.page(&run).contains("This plan was applied by"));
    let past = browser.page("/users/n1?tab=history");
    assert!(past.contains(&format!("href=\"{applied}\"")) && past.contains("Restore…"), "{past}");
    let reply = browser.page(&format!("{applied}?reply=1"));
    assert!(reply.contains("Unchanged:") && reply.contains("Access-Accept"), "{reply}");
    let undo = browser.done(&format!("{applied}/undo"), &[]);
    let page = browser.ended(&undo);
    assert!(page.contains("preview of the undo of run"), "{page}");
    let undone = browser.done(&format!("{undo}/apply"), &[("plan", &hidden(&page, "plan"))]);
    browser.ended(&undone);
    assert_eq!(desk.user("n1")["klass"], "gold");
    let past = browser.page("/users/n1?tab=history");
    let of = applied.trim_start_matches("/runs/");
    assert!(past.contains(&format!("undo of {of} (give@")), "{past}");
    assert!(browser.page("/runs").contains(&format!("href=\"{undone}\"")));
    let list = browser.page("/scripts");
    assert!(list.contains(&format!("<a href=\"{undone}\">run")), "the last run: {list}");

    let verified = browser.post("/audit/verify", &[("head", "")]);
    assert!(verified.text.contains("chain verified</span>"), "{}", verified.text);
    let audit = browser.page("/audit?action=run-undo");
    assert!(audit.contains("Details of row") && !audit.contains("sign-in</td>"), "{audit}");
    assert_eq!(browser.done("/logout", &[]), "/login");
    assert_eq!(browser.get("/users").status, 303, "the session is over");
    server.end();
}

#[test]
fn pages_are_for_those_who_are_signed_in_and_errors_are_pages() {
    let desk = site();
    let server = Server::on(&desk);
    let nobody = Browser::new(&server);
    for path in [
        "/",
        "/users",
        "/users/n1",
        "/scripts",
        "/runs",
        "/runs/new",
        "/filters",
        "/profiles",
        "/organizations",
        "/administration",
        "/audit",
        "/account",
        "/samples",
        "/new-script",
        "/add-user",
    ] {
        let answer = nobody.get(path);
        assert_eq!(answer.status, 303, "{path}: {}", answer.text);
        assert!(place(&answer).starts_with("/login"), "{path}");
    }
    assert_eq!(place(&nobody.get("/users?filter=a%20b")), "/login?next=%2Fusers%3Ffilter%3Da%2520b");
    assert_eq!(place(&nobody.post("/users/n1", &[("act", "edit")])), "/login");
    // Programs are told what programs read.
    server.get("/users", &[]).problem(401);

    let olga = Browser::signed_in(&server, "olga");
    assert!(olga.page("/users").contains("/users/n1"));
    assert!(!olga.page("/users").contains("s1"));
    let missing = olga.get("/users/s1");
    assert_eq!(missing.status, 404, "what belongs to others is not there");
    assert!(missing.headers["content-type"].to_str().unwrap().starts_with("text/html"));
    assert_eq!(olga.post("/users/s1", &[("act", "edit"), ("version", "1"), ("klass", "x")]).status, 404);
    assert_eq!(olga.get("/nothing").status, 404);
    assert_eq!(olga.get("/audit").status, 403);
    assert!(!olga.page("/users").contains("href=\"/audit\""), "no link to what may not be seen");
    // Another site's page cannot send our forms.
    let headers = [
        PAGE,
        ("cookie", olga.cookie.as_str()),
        ("sec-fetch-site", "cross-site"),
        ("content-type", "application/x-www-form-urlencoded"),
    ];
    assert_eq!(server.send("POST", "/logout", &headers, "").status, 403);

    let themed = olga.post("/theme", &[("theme", "dark"), ("next", "/users")]);
    let cookie = themed.headers["set-cookie"].to_str().unwrap().split(';').next().unwrap();
    assert_eq!(cookie, "rollcall-theme=dark");
    let page = server.get("/users", &[PAGE, ("cookie", &format!("{}; {cookie}", olga.cookie))]).text;
    assert!(page.contains("data-theme=\"dark\""));
    server.end();
}

#[test]
fn a_user_is_edited_by_forms_as_it_was_seen() {
    let desk = site();
    desk.ok(&["profiles", "add", "gold"]);
    let server = Server::on(&desk);
    let ana = Browser::signed_in(&server, "ana");
    let version = |tab: &str| hidden(&ana.page(&format!("/users/n1?tab={tab}")), "version");
    let seen = version("overview");
    let fields = [
        ("act", "edit"),
        ("version", &seen),
        ("klass", "plus"),
        ("expiration", "2027-01-01"),
        ("description", "a\r\nb"),
    ];
    assert_eq!(ana.done("/users/n1", &fields), "/users/n1?tab=overview&done=saved");
    assert_eq!(
        (desk.user("n1")["klass"].as_str(), desk.user("n1")["description"].as_str()),
        (Some("plus"), Some("a\nb"))
    );
    let outdated = ana.post("/users/n1", &[("act", "edit"), ("version", &seen), ("klass", "other")]);
    assert_eq!(outdated.status, 412);
    assert!(outdated.text.contains("value=\"other\""), "what was typed is still there");
    let wrong =
        ana.post("/users/n1", &[("act", "edit"), ("version", &version("overview")), ("expiration", "soon")]);
    assert_eq!(wrong.status, 422);
    assert!(wrong.text.contains("id=\"wrong-expiration\""), "{}", wrong.text);

    // Nobody removes a password by leaving a field empty.
    let set = |password: &str| {
        ana.post(
            "/users/n1",
            &[("act", "password"), ("version", &version("overview")), ("password", password)],
        )
    };
    assert_eq!(set("canary-of-a-user").status, 303);
    let empty = set("");
    assert_eq!(empty.status, 422);
    assert!(empty.text.contains("type the new password"), "{}", empty.text);
    let fields = [("act", "password_remove"), ("version", &*version("overview"))];
    assert_eq!(ana.done("/users/n1", &fields), "/users/n1?tab=overview&done=saved");

    let there = ana.done(
        "/users/n1",
        &[
            ("act", "profile_add"),
            ("tab", "profiles"),
            ("version", &version("profiles")),
            ("profile", "gold"),
        ],
    );
    assert_eq!(there, "/users/n1?tab=profiles&done=saved");
    let item = [
        ("act", "item_add"),
        ("tab", "check-attributes"),
        ("kind", "check"),
        ("attr", "NAS-Port-Type"),
        ("operation", "=="),
        ("value", "Ethernet"),
    ];
    ana.done("/users/n1", &[&item[..], &[("version", &version("check-attributes"))]].concat());
    let user = desk.user("n1");
    assert_eq!(
        (&user["profiles"][0], &user["check_attributes"][0]["value"]),
        (&"gold".into(), &"Ethernet".into())
    );
    ana.done(
        "/users/n1",
        &[
            ("act", "item_remove"),
            ("kind", "check"),
            ("version", &version("check-attributes")),
            ("attr", "NAS-Port-Type"),
            ("operation", "=="),
            ("value", "Ethernet"),
        ],
    );
    assert_eq!(desk.user("n1")["check_attributes"], serde_json::json!([]));

    assert_eq!(
        ana.done("/add-user", &[("username", "new one"), ("organization", "North"), ("klass", "x")]),
        "/users/new%20one?done=added"
    );
    let kept = ana.post("/users/new%20one", &[("act", "remove"), ("version", "1"), ("typed", "no")]);
    assert_eq!(kept.status, 422);
    let version = hidden(&ana.page("/users/new%20one"), "version");
    ana.done("/users/new%20one", &[("act", "remove"), ("version", &version), ("typed", "new one")]);
    assert_eq!(ana.get("/users/new%20one").status, 404);
    server.end();
}

#[test]
fn whoever_looks_at_one_organization_sees_and_runs_that_only() {
    let desk = site();
    desk.write("give.py", "user.klass = 'plus'\n");
    desk.ok(&["scripts", "save", "give", "give.py"]);
    let server = Server::on(&desk);
    let mut ana = Browser::signed_in(&server, "ana");
    let page = ana.page("/users");
    assert!(page.contains("All organizations") && page.contains("3 users"), "{page}");
    assert!(!page.contains("note narrowed"), "{page}");
    let id = |name: &str| {
        let from = page.find(&format!(">{name}</option>")).unwrap();
        page[..from].rsplit("value=\"").next().unwrap().split('"').next().unwrap().to_owned()
    };
    let (north, south) = (id("North"), id("South"));
    let choose = |organization: &str| {
        let answer = ana.post("/organization", &[("organization", organization), ("next", "/users")]);
        assert_eq!((answer.status.as_u16(), place(&answer)), (303, "/users"));
        answer.headers["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned()
    };
    let chosen = choose(&south);
    assert_eq!(choose(""), "rollcall-organization=");
    ana.cookie = format!("{}; {chosen}", ana.cookie);

    // Listed, counted and searched for are its users, and every such page says so.
    let users = ana.page("/users");
    assert!(
        users.contains("1 user<") && users.contains("/users/s1") && !users.contains("/users/n1"),
        "{users}"
    );
    assert!(users.contains("Users of <strong>South</strong> only"), "{users}");
    assert!(!ana.page("/users?search=n1").contains("href=\"/users/n1\""));
    assert!(!ana.page("/users?filter=klass%20eq%20%22gold%22").contains("/users/n1"));
    assert!(ana.page("/").contains("1 user<"));
    // What is not a list is there all the same.
    assert!(!ana.page("/users/n1").contains("note narrowed"));
    assert!(ana.page("/add-user").contains("<option selected>South</option>"));

    // A run that is made there is for its users, whichever organization is chosen when the form is sent.
    let wizard = ana.page("/runs/new?who=all&script=give");
    assert!(wizard.contains("Preview for 1 user") && wizard.contains("Users of <strong>South"), "{wizard}");
    assert_eq!(hidden(&wizard, "organization_id"), south);
    let within = |organization: &str| {
        let fields = [("script", "give"), ("who", "all"), ("organization_id", organization)];
        let run = ana.done("/runs/new", &fields);
        ana.ended(&run)
    };
    let run = within(&south);
    assert!(run.contains("Change 1 user<") && run.contains("<dt>Scope</dt><dd>South</dd>"), "{run}");
    assert!(within("").contains("Change 3 users"));

    // Whoever may look at one organization only sees its name, and another one counts for nothing.
    let mut olga = Browser::signed_in(&server, "olga");
    let page = olga.page("/users");
    assert!(page.contains("Organization: </span>North") && !page.contains("All organizations"), "{page}");
    olga.cookie = format!("{}; rollcall-organization={south}", olga.cookie);
    let page = olga.page("/users");
    assert!(page.contains("2 users") && !page.contains("s1") && !page.contains("note narrowed"), "{page}");
    let fields = [("script", "give"), ("who", "all"), ("organization_id", &*south)];
    assert_eq!(olga.post("/runs/new", &fields).status, 403);
    ana.cookie = format!("{}; rollcall-organization=9{north}", ana.cookie.split(';').next().unwrap());
    assert!(ana.page("/users").contains("3 users"), "there is no such organization");
    server.end();
}

#[test]
fn an_empty_installation_leads_to_its_first_users() {
    let desk = Desk::new();
    desk.write("password", format!("{PASSWORD}\n"));
    for (name, grant) in [("ana", "admin"), ("rita", "read-only")] {
        desk.ok(&["administrators", "add", name, "--grant", grant]);
        desk.shell(&format!("rollcall administrators password {name} < password")).exits(0);
    }
    let server = Server::on(&desk);
    let ana = Browser::signed_in(&server, "ana");
    let start = ana.page("/");
    assert!(
        start.contains("/import-users") && start.contains("/new-script?sample=extend-by-days"),
        "{start}"
    );
    assert!(start.contains("Create 1,000 sample users"), "{start}");
    let rita = Browser::signed_in(&server, "rita");
    assert!(!rita.page("/").contains("sample users</button>") && !rita.page("/").contains("/import-users"));
    assert_eq!(rita.post("/", &[]).status, 403);

    let send = |rows: &str| {
        let body = format!(
            "--cut\r\nContent-Disposition: form-data; name=\"file\"; filename=\"users.csv\"\r\n\
             Content-Type: text/csv\r\n\r\n{rows}\r\n--cut--\r\n"
        );
        let headers =
            [PAGE, ("cookie", ana.cookie.as_str()), ("content-type", "multipart/form-data; boundary=cut")];
        let sent = server.send("POST", "/import-users/file", &headers, &body);
        assert_eq!(sent.status, 303, "{}", sent.text);
        place(&sent).to_owned()
    };
    // Every fault is told, with its line; nothing is imported.
    let faulty = send("username,is_active\nn1,perhaps\nn1,true\n,true\n");
    let page = ana.page(&faulty);
    assert!(page.contains("3 things are wrong in users.csv") && !page.contains("Import 3 users"), "{page}");
    let upload = faulty.rsplit('=').next().unwrap();
    let refused = ana.post("/import-users", &[("upload", upload), ("encoding", "")]);
    assert_eq!(refused.status, 422, "{}", refused.text);
    // What is right is only looked at, too, until somebody says yes.
    let fine = send("username,organization\nn1,North\nn2,North\n");
    let page = ana.page(&fine);
    let lines = "<th scope=\"row\">2, 3</th><td>organization</td><td>there is no organization";
    assert!(page.contains("2 things are wrong in users.csv") && page.contains(lines), "{page}");
    let bad = ana.get(&format!("/api/v1/uploads/{}/import-bad-rows.csv", fine.rsplit('=').next().unwrap()));
    assert!(bad.text.contains("\nn1,North,2,"), "{}", bad.text);
    let fine = format!("{fine}&create_organizations=yes");
    let page = ana.page(&fine);
    assert!(page.contains("2 users will be added") && page.contains("<strong>North</strong>"), "{page}");
    assert!(ana.page("/").contains("Create 1,000 sample users"), "nothing was written");
    assert_eq!(desk.ok(&["organizations", "list", "--format", "json"]).objects().len(), 0);
    let upload = fine.split(['=', '&']).nth(1).unwrap();
    let form = [("upload", upload), ("encoding", ""), ("create_organizations", "yes")];
    assert_eq!(ana.done("/import-users", &form), "/?done=imported");
    let start = ana.page("/?done=imported");
    assert!(start.contains("2 users") && start.contains("The first script"), "{start}");
    // Samples are for whoever has nothing.
    assert!(!start.contains("sample users</button>"));
    assert_eq!(ana.post("/", &[]).status, 409);
    server.end();
}

#[test]
fn samples_fill_an_empty_installation_once() {
    let desk = Desk::new();
    desk.write("password", format!("{PASSWORD}\n"));
    desk.ok(&["administrators", "add", "ana", "--grant", "admin"]);
    desk.shell("rollcall administrators password ana < password").exits(0);
    let server = Server::on(&desk);
    let ana = Browser::signed_in(&server, "ana");
    assert_eq!(ana.done("/", &[]), "/?done=filled");
    let start = ana.page("/?done=filled");
    assert!(start.contains("1,000 users") && start.contains("Campus Net"), "{start}");
    assert_eq!(ana.post("/", &[]).status, 409);
    server.end();
}

/// The link of the newest entry of a user's history.
#[track_caller]
fn newest(browser: &Browser<'_>, user: &str) -> String {
    let page = browser.page(&format!("/users/{user}?tab=history"));
    let mark = format!("href=\"/users/{user}/revert?event=");
    let from = page.find(&mark).unwrap_or_else(|| panic!("nothing to take back in {page}")) + "href=\"".len();
    page[from..].split('"').next().unwrap().to_owned()
}

#[test]
fn one_entry_of_the_history_is_taken_back_as_it_was_seen() {
    let desk = site();
    desk.ok(&["profiles", "add", "plus", "--reply", "Session-Timeout := 60"]);
    desk.write("give.py", "user.klass = 'plus'\nuser.profile_add(short_name='plus')\n");
    desk.ok(&["run", "give.py", "--filter", "username eq \"n1\"", "--apply", "--yes"]);
    desk.ok(&["users", "set", "n1", "first_name=Ana"]);
    let server = Server::on(&desk);
    let ana = Browser::signed_in(&server, "ana");
    let answer = ana.page("/users/n1?tab=reply");
    assert!(answer.contains("Access-Accept") && answer.contains("Session-Timeout"), "{answer}");
    let diff = ana.page("/runs/1?reply=1");
    assert!(diff.contains("class=\"plus\">+Session-Timeout = 60"), "{diff}");

    let by_hand = newest(&ana, "n1");
    let (path, event) = by_hand.split_once("?event=").unwrap();
    let page = ana.page(&by_hand);
    assert!(page.contains("Restore 1 value of n1") && page.contains("first_name"), "{page}");
    let version = hidden(&page, "version");
    // Somebody else is quicker.
    desk.ok(&["users", "set", "n1", "last_name=Berg"]);
    assert_eq!(ana.post(path, &[("event", event), ("version", &version)]).status, 412);
    let fields = [("event", event), ("version", &hidden(&ana.page(&by_hand), "version"))];
    assert_eq!(ana.done(path, &fields), "/users/n1?tab=history&done=reverted");
    let user = desk.user("n1");
    assert_eq!((user["first_name"].as_str(), user["last_name"].as_str()), (Some(""), Some("Berg")));
    assert!(ana.page(&by_hand).contains("already has the earlier values"));
    // What was taken back can be taken back.
    let again = newest(&ana, "n1");
    let page = ana.page(&again);
    ana.done(path, &[("event", &hidden(&page, "event")), ("version", &hidden(&page, "version"))]);
    assert_eq!(desk.user("n1")["first_name"], "Ana");

    // What a run has done, too, unless it was changed since.
    let past = ana.page("/users/n1?tab=history");
    let last = past.rsplit("revert?event=").next().unwrap().split('"').next().unwrap().to_owned();
    let of_run = format!("{path}?event={last}");
    let page = ana.page(&of_run);
    assert!(page.contains("Restore 2 values of n1") && page.contains("/runs/1/undo"), "{page}");
    desk.ok(&["users", "set", "n1", "klass=other"]);
    let page = ana.page(&of_run);
    assert!(page.contains("changed again since") && !page.contains("name=\"version\""), "{page}");
    let version = hidden(&ana.page("/users/n1"), "version");
    let refused = ana.post(path, &[("event", &last), ("version", &version)]);
    assert_eq!(refused.status, 409, "{}", refused.text);
    desk.ok(&["users", "set", "n1", "klass=plus"]);
    let page = ana.page(&of_run);
    ana.done(path, &[("event", &last), ("version", &hidden(&page, "version"))]);
    let user = desk.user("n1");
    assert_eq!((&user["klass"], &user["profiles"]), (&"gold".into(), &serde_json::json!([])));
    // It is nobody else's.
    let olga = Browser::signed_in(&server, "olga");
    assert_eq!(olga.get(&format!("/users/s1/revert?event={last}")).status, 404);
    assert_eq!(olga.get(&format!("/users/n2/revert?event={last}")).status, 404);
    server.end();
}

#[test]
fn the_rows_of_a_file_are_matched_and_used() {
    let desk = site();
    desk.write("take.py", "user.klass = row['klass']\n");
    desk.ok(&["scripts", "save", "take", "take.py"]);
    let server = Server::on(&desk);
    let ana = Browser::signed_in(&server, "ana");
    let body = "--cut\r\nContent-Disposition: form-data; name=\"file\"; filename=\"rows.csv\"\r\n\
        Content-Type: text/csv\r\n\r\nusername,klass\nn1,a\nnobody,b\nn2,c\n\r\n--cut--\r\n";
    let headers =
        [PAGE, ("cookie", ana.cookie.as_str()), ("content-type", "multipart/form-data; boundary=cut")];
    let sent = server.send("POST", "/runs/new/file?script=take", &headers, body);
    assert_eq!(sent.status, 303, "{}", sent.text);
    let report = ana.page(place(&sent));
    assert!(
        report.contains("2 matched") && report.contains("1 unmatched") && report.contains("nobody"),
        "{report}"
    );
    assert!(!report.contains("Preview for"), "rows that cannot be used are in the way");
    let upload = place(&sent).rsplit('=').next().unwrap();
    let page = ana.page(&format!("{}&skip=yes", place(&sent)));
    assert!(page.contains("Preview for 2 users"), "{page}");
    let run =
        ana.done("/runs/new", &[("script", "take"), ("who", "rows"), ("upload", upload), ("skip", "yes")]);
    let ended = ana.ended(&run);
    assert!(ended.contains("Change 2 users"), "{ended}");
    server.end();
}

#[test]
fn errors_in_columns_that_the_script_does_not_read_are_not_in_the_way() {
    let desk = site();
    desk.write("take.py", "user.klass = row['klass']\n");
    desk.ok(&["scripts", "save", "take", "take.py"]);
    desk.write("all.py", "print(row)\n");
    desk.ok(&["scripts", "save", "all", "all.py"]);
    let server = Server::on(&desk);
    let ana = Browser::signed_in(&server, "ana");
    let mut book = rust_xlsxwriter::Workbook::new();
    let sheet = book.add_worksheet();
    for (row, cells) in (0..).zip([["username", "klass", "vlookup"], ["n1", "a", ""], ["n2", "b", ""]]) {
        sheet.write_row(row, 0, cells).unwrap();
    }
    sheet.write(1, 2, rust_xlsxwriter::Formula::new("=NA()").set_result("#N/A")).unwrap();
    let file = book.save_to_buffer().unwrap();
    let sent = server.send_bytes("POST", "/api/v1/uploads?name=list.xlsx", &[("cookie", &ana.cookie)], &file);
    let upload = sent.json()["upload_id"].to_string();
    let at = |script: &str| format!("/runs/new?script={script}&who=rows&upload={upload}");
    for script in ["all", ""] {
        let page = ana.page(&at(script));
        assert!(page.contains("cell C2 is #N/A") && !page.contains("Preview for"), "{page}");
        assert!(page.contains("/bad-rows.csv\"") && !page.contains("read_columns"), "{page}");
    }
    let page = ana.page(&at("take"));
    assert!(page.contains("Preview for 2 users") && page.contains("<td>#N/A</td>"), "{page}");
    assert!(page.contains("1 cell has an error in a column that the script does not read"), "{page}");
    let form = |script| [("script", script), ("who", "rows"), ("upload", upload.as_str())];
    assert!(ana.post("/runs/new", &form("all")).text.contains("1 of the rows cannot be used"));
    let run = ana.done("/runs/new", &form("take"));
    assert!(ana.ended(&run).contains("Change 2 users"));
    let rows = server.send(
        "POST",
        "/api/v1/uploads?name=list.csv",
        &[("cookie", &ana.cookie)],
        "username,klass,x\nn1,a,\0\nno,b,\n",
    );
    let page = ana.page(&format!("/runs/new?script=take&who=rows&upload={}", rows.json()["upload_id"]));
    let link = page
        .split('"')
        .find(|text| text.contains("/bad-rows.csv"))
        .unwrap()
        .replace("&amp;", "&")
        .replace("&#38;", "&");
    assert!(link.ends_with("/bad-rows.csv?read_columns=%5B%22klass%22%5D"), "{link}");
    let bad = ana.get(&link);
    assert!(bad.text.lines().count() == 2 && bad.text.contains("no,b,"), "{}", bad.text);
    assert_eq!(ana.get(&link.replace("%5B", "")).status, 422);
    server.end();
}

#[test]
fn columns_of_a_file_are_mapped_and_its_rows_looked_at() {
    let desk = site();
    desk.write("take.py", "user.klass = row['class']\n");
    desk.ok(&["scripts", "save", "take", "take.py"]);
    let server = Server::on(&desk);
    let ana = Browser::signed_in(&server, "ana");
    let rows = "who;class\nn1;a\nnobody;b\nn2;c\nn1;d\n";
    let sent = server.send("POST", "/api/v1/uploads?name=list.csv", &[("cookie", &ana.cookie)], rows);
    let upload = sent.json()["upload_id"].to_string();
    let at = format!("/runs/new?script=take&who=rows&upload={upload}");
    // Nothing says which column it is: the page shows what there is to choose from.
    let page = ana.page(&at);
    assert!(page.contains("no column is known to name the users"), "{page}");
    assert!(page.contains("<option>who</option>") && page.contains("<td>nobody</td>"), "{page}");
    assert!(page.contains("aria-current=\"step\"") && !page.contains("Preview for"), "{page}");
    let mapped = format!("{at}&column=who&field=username");
    let page = ana.page(&mapped);
    for told in
        ["3 matched", "1 unmatched", "0 ambiguous", "1 duplicate", "no user has the username", "Skip 1 row"]
    {
        assert!(page.contains(told), "{told}: {page}");
    }
    let page = ana.page(&format!("{mapped}&tab=duplicate"));
    assert!(page.contains("named by line 2, too") && !page.contains("no user has the"), "{page}");
    let page = ana.page(&format!("{mapped}&tab=matched"));
    assert!(
        page.contains("href=\"/users/n2\"")
            && page.contains(&format!("/uploads/{upload}/bad-rows.csv?key=who%3Dusername"))
    );
    let page = ana.page(&format!("{mapped}&skip=yes"));
    assert!(page.contains("Preview for 2 users") && page.contains("<strong>2 users</strong>"), "{page}");
    // What was said of the file goes along; the file is read so again.
    let said = [("column", "who"), ("field", "username"), ("skip", "yes"), ("upload", &upload)];
    for (name, value) in said {
        assert_eq!(hidden(&page, name), value);
    }
    let run = ana.done("/runs/new", &[&said[..], &[("script", "take"), ("who", "rows")]].concat());
    let ended = ana.ended(&run);
    assert!(
        ended.contains("aria-current=\"step\"") && ended.contains("<strong>3 targets</strong>"),
        "{ended}"
    );
    // A column that is not there, and a form that the file does not have.
    let page = ana.page(&format!("{at}&column=whom"));
    assert!(
        page.contains("the file has no column &#34;whom&#34;") && page.contains("<option>who</option>"),
        "{page}"
    );
    assert!(ana.page(&format!("{mapped}&delimiter=comma")).contains("no column"));
    // A file that is refused shows how it can be read otherwise.
    let page = ana.page(&format!("{mapped}&header_row=9"));
    assert!(
        page.contains("choose another header row")
            && page.contains("<details open>")
            && page.contains("Read again"),
        "{page}"
    );
    assert!(ana.page(&format!("{mapped}&header_row=first")).contains("Header row: write a whole number"));
    let mapped = format!("{at}&header_row=2&column=n1&field=username&hidden=skip&skip=yes");
    let page = ana.page(&mapped);
    assert!(page.contains("Preview for 2 users"), "{page}");
    for (name, value) in [("header_row", "2"), ("hidden", "skip")] {
        assert_eq!(hidden(&page, name), value);
    }
    assert!(page.contains("bad-rows.csv?key=n1%3Dusername&#38;header_row=2&#38;hidden=skip"), "{page}");
    server.end();
}

#[test]
fn columns_are_chosen_and_whatever_a_browser_has_kept_is_no_matter() {
    let desk = site();
    let server = Server::on(&desk);
    let ana = Browser::signed_in(&server, "ana");
    let usual = ana.page("/users");
    assert!(
        usual.contains("<th scope=\"col\">Class</th>") && !usual.contains("<th scope=\"col\">Email</th>"),
        "{usual}"
    );
    let chosen = ana
        .post("/columns", &[("column.email", "yes"), ("column.obj_id", "yes"), ("next", "/users?search=n")]);
    assert_eq!(place(&chosen), "/users?search=n");
    let cookie = chosen.headers["set-cookie"].to_str().unwrap().split(';').next().unwrap();
    assert_eq!(cookie, "rollcall-columns=email.obj_id");
    let with =
        |cookie: &str| server.get("/users", &[PAGE, ("cookie", &format!("{}; {cookie}", ana.cookie))]).text;
    let heads = |page: &str| page.matches("<th scope=\"col\"").count();
    assert_eq!((heads(&with(cookie)), heads(&with("rollcall-columns=none"))), (3, 1));
    assert_eq!(heads(&with("rollcall-columns=password.<b>.email")), 2);
    let usual = ana.post("/columns", &[("act", "usual"), ("next", "//evil.example")]);
    assert_eq!(place(&usual), "/");
    assert!(
        usual.headers["set-cookie"].to_str().unwrap().starts_with("rollcall-columns=; Path=/; Max-Age=0")
    );
    server.end();
}

#[test]
fn more_than_ten_thousand_are_counted_when_somebody_wants_to_know() {
    let desk = site();
    let names: String = (1..=10_050).map(|n| format!("more{n},North\n")).collect();
    desk.import(format!("username,organization\n{names}"));
    let server = Server::on(&desk);
    let ana = Browser::signed_in(&server, "ana");
    let page = ana.page("/users?filter=username%20sw%20%22more%22");
    assert!(page.contains("10,000+ users"), "{page}");
    let all = "/users?filter=username%20sw%20%22more%22&#38;count=all";
    assert!(page.contains(all), "{page}");
    let page = ana.page(&all.replace("&#38;", "&"));
    assert!(page.contains("10,050 users") && !page.contains("Count all"), "{page}");
    server.end();
}

#[test]
fn many_changes_and_deactivations_are_typed() {
    let desk = site();
    desk.write("off.py", "user.is_active = False\n");
    desk.ok(&["scripts", "save", "off", "off.py"]);
    let server = Server::on(&desk);
    let ana = Browser::signed_in(&server, "ana");
    let run = ana.done("/runs/new", &[("script", "off"), ("who", "all")]);
    let page = ana.ended(&run);
    assert!(page.contains("Type 3 to confirm") && page.contains("3 of them deactivated"), "{page}");
    let plan = hidden(&page, "plan");
    let refused = ana.post(&format!("{run}/apply"), &[("plan", &plan)]);
    assert_eq!(refused.status, 422);
    assert_eq!(desk.user("n1")["is_active"], true);
    ana.ended(&ana.done(&format!("{run}/apply"), &[("plan", &plan), ("typed", "3")]));
    assert_eq!(desk.user("n1")["is_active"], false);

    // What was odd and what failed is told before the changes, in groups.
    desk.write(
        "odd.py",
        "user.profile_add(short_name='goldd')\nif user.username == 'n2':\n    fail('no number')\nuser.klass = 'x'\n",
    );
    desk.ok(&["scripts", "save", "odd", "odd.py"]);
    let run = ana.done("/runs/new", &[("script", "odd"), ("who", "all")]);
    let page = ana.ended(&run);
    let (before, _) = page.split_once("<h3>What would change</h3>").unwrap();
    for told in [
        "Calls of the script were refused for 2 targets, and the script went on.",
        "<td class=\"number\">2</td><td>there is no profile called &#39;goldd&#39;",
        "/script#line-1\">Show line 1</a></td><td><a href=\"/users/n1\">n1</a>",
        // The one that failed is told of by its failure.
        "<h3>Warnings</h3>",
        "<td class=\"number\">1</td><td>there is no profile called &#39;goldd&#39;",
        "<h3>Failed</h3>",
        "no number (line 3)",
        "/script#line-3\">Show line 3</a></td><td><a href=\"/users/n2\">n2</a>",
    ] {
        assert!(before.contains(told), "{told} in {page}");
    }
    let (_, apply) = page.split_once("<h2>Apply this plan</h2>").unwrap();
    assert!(apply.contains("Calls of the script were refused for 2 targets: see Refused calls."), "{page}");
    assert!(
        page.contains("First a preview for 1 target.") && !page.contains("<dt>Parameters</dt>"),
        "{page}"
    );

    // What has stopped goes on or is cancelled.
    let run = ana.done("/runs/new", &[("script", "odd"), ("who", "all"), ("max_failures", "0")]);
    wait_until("the run has stopped", || ana.page(&run).contains("</span> stopped</span>"));
    let page = ana.page(&run);
    assert!(page.contains("1 target did not run yet. It is a preview, so nothing is written."), "{page}");
    assert!(page.contains("value=\"resume\"") && page.contains("value=\"cancel\""), "{page}");
    ana.done(&run, &[("act", "cancel")]);
    assert!(ana.page(&run).contains("</span> cancelled</span>"));
    server.end();
}

#[test]
fn nothing_that_somebody_has_written_is_markup() {
    const EVIL: &str = "<script>alert(1)</script>";
    let desk = Desk::new();
    let quoted = "\"\"><script>alert(1)</script>\"";
    let columns = "username,first_name,last_name,email,external_id,klass,description,avatar_url,organization";
    desk.import(format!("{columns}\nplain{}\n", format!(",{quoted}").repeat(8).replace("\"\">", "\"")));
    desk.write("password", format!("{PASSWORD}\n"));
    desk.ok(&["administrators", "add", "ana", "--grant", "admin"]);
    desk.shell("rollcall administrators password ana < password").exits(0);
    desk.write(
        "evil.py",
        format!(
            "# {EVIL}\nprint('{EVIL}')\nresult['{EVIL}'] = '{EVIL}'\nuser.klass = '{EVIL}!'\nfail('{EVIL}')\n"
        ),
    );
    desk.ok(&["scripts", "save", "evil", "evil.py", "--note", EVIL]);
    let server = Server::on(&desk);
    let ana = Browser::signed_in(&server, "ana");
    let run = ana.done("/runs/new", &[("script", "evil"), ("who", "all")]);
    ana.ended(&run);
    let history = format!("{run}/script");
    let search = format!("/users?search={}", utf8_percent_encode(EVIL, NON_ALPHANUMERIC));
    let filter = search.replace("search", "filter");
    let mut seen = 0;
    for path in [
        "/",
        "/users",
        "/users/plain",
        "/users/plain?tab=history",
        "/scripts",
        "/scripts/evil",
        "/scripts/evil/history",
        &run,
        &history,
        "/runs",
        "/organizations",
        "/administration",
        "/audit",
        "/account",
        "/add-user",
        &search,
        &filter,
    ] {
        let page = ana.page(path);
        assert!(!page.contains(EVIL), "{path}: {page}");
        seen += usize::from(page.contains("&#60;script&#62;alert(1)"));
    }
    assert!(seen >= 8, "the text is there, escaped, on {seen} pages");
    let missing = ana.get(&format!("/users/{}", utf8_percent_encode(EVIL, NON_ALPHANUMERIC)));
    assert_eq!(missing.status, 404);
    assert!(!missing.text.contains(EVIL));
    server.end();
}

#[test]
fn an_account_is_looked_after_by_forms() {
    let desk = site();
    let server = Server::on(&desk);
    let ana = Browser::signed_in(&server, "ana");
    let made =
        ana.post("/account", &[("act", "add_token"), ("name", "t"), ("days", "9"), ("scope.look", "yes")]);
    assert_eq!(made.status, 200);
    let token = made.text.split("<pre tabindex=\"0\">").nth(1).unwrap().split('<').next().unwrap().to_owned();
    let bearer = format!("Bearer {token}");
    assert_eq!(server.get("/api/v1/users", &[("authorization", &bearer)]).status, 200);
    assert!(!ana.page("/account").contains(&token), "it is shown once");
    ana.done("/account", &[("act", "revoke_token"), ("id", "1")]);
    assert_eq!(server.get("/api/v1/users", &[("authorization", &bearer)]).status, 401);

    assert!(!ana.page("/account").contains("Remove the authenticator"), "there is none");
    let enrolled = ana.post("/account", &[("act", "enrol")]).text;
    assert!(
        enrolled.contains("<svg class=\"qr\"") && enrolled.contains("href=\"otpauth://totp/"),
        "{enrolled}"
    );

    let added = [
        ("act", "add"),
        ("name", "rita"),
        ("password", PASSWORD),
        ("role", "read-only"),
        ("organization", "South"),
    ];
    assert_eq!(ana.done("/administration", &added), "/administrators/rita");
    let matrix = ana.page("/administration");
    assert!(matrix.contains("/administrators/rita") && matrix.contains("read-only"), "{matrix}");
    let rita = Browser::signed_in(&server, "rita");
    let users = rita.page("/users");
    assert!(
        users.contains("/users/s1")
            && !users.contains("/users/n1")
            && !users.contains("Add a user")
            && !users.contains("/import-users"),
        "{users}"
    );
    assert!(matrix.contains("Permissions of the roles"), "{matrix}");
    // Of one's own sessions the one goes on in which the password is changed.
    let elsewhere = Browser::signed_in(&server, "rita");
    let new = "canary-of-another-password";
    assert_eq!(rita.done("/account", &[("act", "password"), ("password", new)]), "/account?done=password");
    assert!(rita.page("/account?done=password").contains("All your other sessions have ended."));
    assert_eq!(elsewhere.get("/users").status, 303, "the others are over");
    ana.done("/administrators/rita", &[("act", "end_sessions")]);
    assert_eq!(rita.get("/users").status, 303);
    ana.done("/administration", &[("act", "four_eyes_above"), ("value", "100")]);
    assert!(ana.page("/administration").contains("value=\"100\""));
    ana.done("/administration", &[("act", "strict_attributes"), ("value", "yes")]);
    assert!(ana.page("/administration").contains("<option selected>yes</option>"));
    assert_eq!(ana.post("/administration", &[("act", "strict_attributes"), ("value", "")]).status, 422);
    let unknown = ana.post("/organizations", &[("act", "dance")]);
    assert_eq!(unknown.status, 422);
    assert!(unknown.text.contains("expected one of `add`, `rename`, `remove`"), "{}", unknown.text);
    ana.done("/administration", &[("act", "strict_attributes"), ("value", "no")]);

    assert_eq!(
        ana.done(
            "/profiles",
            &[("short_name", "gold"), ("reply", "Class := x\r\nSession-Timeout := 60\r\n")]
        ),
        "/profiles?done=added"
    );
    let profile = ana.page("/profiles/gold");
    let seen = hidden(&profile, "seen");
    let wrong = ana.post("/profiles/gold", &[("seen", &seen), ("reply", "Class"), ("check", "")]);
    assert_eq!(wrong.status, 422);
    assert!(wrong.text.contains("reply, line 1"), "{}", wrong.text);
    ana.done("/profiles/gold", &[("seen", &seen), ("reply", "Class := y"), ("check", "")]);
    assert_eq!(ana.post("/profiles/gold", &[("seen", &seen), ("act", "remove")]).status, 412);
    ana.done("/organizations", &[("act", "add"), ("new", "West")]);
    ana.done("/organizations", &[("act", "rename"), ("name", "West"), ("new", "East")]);
    assert!(ana.page("/organizations").contains("East"));
    server.end();
}

#[test]
fn status_of_a_user_is_active_expired_or_inactive() {
    let desk = Desk::new();
    desk.import(
        "username,expiration,is_active\nann,,true\nben,2020-01-01,true\ncid,2020-01-01,false\ndan,,false\neve,2099-01-01,true\n",
    );
    desk.write("password", format!("{PASSWORD}\n"));
    desk.ok(&["administrators", "add", "ana", "--grant", "admin"]);
    desk.shell("rollcall administrators password ana < password").exits(0);
    let server = Server::on(&desk);
    let ana = Browser::signed_in(&server, "ana");
    let (list, table) = (ana.page("/users"), desk.ok(&["users", "list"]).out);
    for (name, status, badge) in [
        ("ann", "active", "badge good"),
        ("ben", "expired", "badge warn"),
        ("cid", "inactive", "badge bad"),
        ("dan", "inactive", "badge bad"),
        ("eve", "active", "badge good"),
    ] {
        let row = list.split("<tr>").find(|row| row.contains(&format!("/users/{name}\"")));
        let header = ana.page(&format!("/users/{name}"));
        let header = header.split("</main>").next().unwrap().split("<h1>").nth(1).unwrap();
        for shown in [row.unwrap(), header.split("<ul").next().unwrap()] {
            assert!(shown.contains(badge) && shown.contains(&format!("</span> {status}</span>")), "{shown}");
        }
        let line = table.lines().find(|line| line.contains(name)).unwrap();
        assert!(line.split_whitespace().any(|cell| cell == status), "{table}");
        let details = desk.ok(&["users", "show", name]).out;
        let line = details.lines().find(|line| line.starts_with("status")).unwrap();
        assert_eq!(line.split_whitespace().nth(1), Some(status), "{details}");
    }
    server.end();
}

#[test]
fn an_earlier_version_of_a_script_runs_as_shown_and_is_not_saved_over() {
    let desk = site();
    let server = Server::on(&desk);
    let ana = Browser::signed_in(&server, "ana");
    let save = |source: &str, version: &str| {
        ana.post("/scripts/give", &[("act", "save"), ("source", source), ("version", version)])
    };
    ana.done("/new-script", &[("name", "give"), ("act", "save"), ("source", "user.klass = 'one'")]);
    assert_eq!(save("user.klass = 'two'", "1").status, 303);

    // The page of an earlier version cannot be edited, says so, and leads to a run of that version.
    let old = ana.page("/scripts/give?version=1");
    assert!(old.contains("Version 1 of 2, read-only.") && old.contains("Restore version 1"), "{old}");
    assert!(old.contains(" readonly") && !old.contains("data-save"), "{old}");
    assert!(old.contains("href=\"/runs/new?script=give%401\">Run version 1</a>"), "{old}");
    let latest = ana.page("/scripts/give");
    assert!(!latest.contains("read-only") && latest.contains("data-save"), "{latest}");
    assert!(latest.contains("href=\"/runs/new?script=give%402\">Run</a>"), "{latest}");
    let fields = [("act", "save"), ("source", "pass"), ("version", "2"), ("shown", "1")];
    let refused = ana.post("/scripts/give", &fields);
    assert_eq!(refused.status, 409);
    assert!(refused.text.contains("version 1 is read-only"), "{}", refused.text);
    let fields =
        [("act", "try"), ("source", "user.klass = 'one'"), ("version", "2"), ("shown", "1"), ("user", "n1")];
    let tried = ana.post("/scripts/give", &fields).text;
    assert!(tried.contains("Version 1 of 2, read-only.") && tried.contains("</span>one</ins>"), "{tried}");

    let class = |run: &str| {
        let page = ana.ended(run);
        page.split("now </span>").nth(1).unwrap().split('<').next().unwrap().to_owned()
    };
    let start = |wizard: &str, who: &str| {
        let script = hidden(wizard, "script");
        ana.done("/runs/new", &[("script", &script), ("who", who), ("once", &hidden(wizard, "once"))])
    };
    let wizard = ana.page("/runs/new?script=give%401&who=all");
    assert!(wizard.contains("version 1 <small>(the latest is version 2)</small>"), "{wizard}");
    assert!(wizard.contains("<option selected>give@1</option>"), "{wizard}");
    let run = start(&wizard, "all");
    assert_eq!(class(&run), "one");
    let page = ana.page(&run);
    assert!(page.contains("give@1, preview</h1>") && page.contains("· give@1</p>"), "{page}");

    // What the page has shown is run, though a newer version was saved since.
    let wizard = ana.page("/runs/new?script=give&who=all");
    assert!(wizard.contains("<option selected>give</option>") && wizard.contains("version 2"), "{wizard}");
    assert_eq!(save("user.klass = 'three'", "2").status, 303);
    assert_eq!(class(&start(&wizard, "all")), "two");

    // Two people save: the second sees both texts, and writes over nothing that was not shown.
    let conflict = save("user.klass = 'mine'", "2");
    assert_eq!(conflict.status, 412);
    assert!(
        conflict.text.contains("Someone else saved version 3 while you were editing"),
        "{}",
        conflict.text
    );
    for line in ["-user.klass = &#39;three&#39;", "+user.klass = &#39;mine&#39;"] {
        assert!(conflict.text.contains(line), "{line}: {}", conflict.text);
    }
    assert!(conflict.text.contains("\nuser.klass = &#39;mine&#39;</textarea>"), "{}", conflict.text);
    assert_eq!(hidden(&conflict.text, "version"), "3");
    assert_eq!(save("user.klass = 'mine'", &hidden(&conflict.text, "version")).status, 303);
    assert_eq!(ana.done("/scripts/give/history", &[("version", "3")]), "/scripts/give?done=restored");
    server.end();
}
