//! Every link and button of every listing leads to as many users as the page says. Each selection of the population has
//! another size, so one that is lost or replaced on the way shows.

use std::collections::{BTreeMap, BTreeSet};

use crate::common::server::Server;
use crate::common::{Desk, wait_until};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

const PAGE: (&str, &str) = ("accept", "text/html,application/xhtml+xml");
const SCRIPT: &str = "if user.klass == 'gold':\n    user.klass = 'plus'\nelif user.username == 'ana.52':\n    fail('no')\n\
                      elif user.klass == 'silver':\n    skip('not now')\n";

struct Browser<'a> {
    server: &'a Server,
    cookie: String,
}

/// A link of a page.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Link {
    to: String,
    text: String,
}

fn plain(html: &str) -> String {
    let mut text = String::new();
    let mut inside = false;
    for letter in html.chars() {
        match letter {
            '<' => inside = true,
            '>' => inside = false,
            letter if !inside => text.push(letter),
            _ => {}
        }
    }
    text.replace("&amp;", "&").replace("&#38;", "&").replace("&#34;", "\"").trim().to_owned()
}

fn links(page: &str) -> Vec<Link> {
    let links = page.split("<a ").skip(1).filter_map(|rest| {
        let (tag, rest) = rest.split_once('>')?;
        let to = tag.split_once("href=\"")?.1.split('"').next()?;
        let text = rest.split("</a>").next()?;
        Some(Link { to: plain(to), text: plain(text) })
    });
    links.collect()
}

/// The first number in a text, as people read it.
fn number(text: &str) -> Option<u64> {
    let from = text.find(|letter: char| letter.is_ascii_digit())?;
    let digits = text[from..].chars().take_while(|letter| letter.is_ascii_digit() || *letter == ',');
    digits.filter(char::is_ascii_digit).collect::<String>().parse().ok()
}

/// The text between two marks.
#[track_caller]
fn between<'t>(text: &'t str, from: &str, to: &str) -> &'t str {
    let (_, rest) = text.split_once(from).unwrap_or_else(|| panic!("no {from} in {text}"));
    rest.split(to).next().unwrap()
}

/// The hidden fields of the form that starts a run.
fn fields(page: &str) -> Vec<(String, String)> {
    let form = between(page, "<form class=\"card\" method=\"post\" action=\"/runs/new\">", "</form>");
    let inputs = form.split("<input type=\"hidden\" ").skip(1).map(|rest| {
        let value = |name: &str| plain(between(rest, &format!("{name}=\""), "\""));
        (value("name"), value("value"))
    });
    inputs.collect()
}

impl Browser<'_> {
    #[track_caller]
    fn page(&self, path: &str) -> String {
        let answer = self.server.get(path, &[PAGE, ("cookie", &self.cookie)]);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        answer.text
    }

    /// The number of records in a CSV file, without its header.
    #[track_caller]
    fn records(&self, path: &str) -> u64 {
        let text = self.page(path);
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        reader.records().map(Result::unwrap).count() as u64
    }

    /// The number of users that the page of a new run would preview.
    #[track_caller]
    fn wanted(&self, path: &str) -> u64 {
        let page = self.page(&format!("{path}&script=mark"));
        number(between(&page, "<button>Preview for ", "</button>")).unwrap()
    }

    /// Starts a run on that page, and returns its number of targets.
    #[track_caller]
    fn started(&self, path: &str) -> u64 {
        let page = self.page(&format!("{path}&script=mark"));
        let one = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let fields: Vec<_> =
            fields(&page).iter().map(|(name, value)| format!("{}={}", one(name), one(value))).collect();
        let headers =
            [PAGE, ("cookie", &*self.cookie), ("content-type", "application/x-www-form-urlencoded")];
        let answer = self.server.send("POST", "/runs/new", &headers, &fields.join("&"));
        assert_eq!(answer.status, 303, "{path}: {}", answer.text);
        let run = self.page(answer.headers["location"].to_str().unwrap());
        number(between(&run, "<a class=\"whole\"", "</a>").split('>').next_back().unwrap()).unwrap()
    }

    /// The number of users on all pages of a list.
    #[track_caller]
    fn listed(&self, path: &str) -> u64 {
        let (mut count, mut next) = (0, Some(path.to_owned()));
        while let Some(path) = next {
            let page = self.page(&path);
            count += page.matches("<tr><th scope=\"row\"><a href=\"/users/").count() as u64;
            next = links(&page).into_iter().find(|link| link.text.starts_with("Next")).map(|link| link.to);
        }
        count
    }
}

/// The number of users that a page says it lists.
#[track_caller]
fn said(page: &str) -> u64 {
    number(between(page, "<p role=\"status\">", "</p>")).unwrap()
}

/// Whose numbers all differ.
fn population() -> String {
    let mut rows = "username,organization,klass,email,is_active,expiration,external_id\n".to_owned();
    for n in 1..=130 {
        let organization = if n % 3 == 0 { "South" } else { "North" };
        let klass = match n {
            ..33 => "gold",
            33..50 => "silver",
            _ => "",
        };
        let name = if n % 7 == 3 { format!("ana.{n}") } else { format!("user{n}") };
        let email = if n % 11 == 0 { format!("ana-{n}@example.com") } else { String::new() };
        let active = n % 13 != 0;
        let expiration = if n % 9 == 1 { "2020-01-01" } else { "" };
        rows += &format!("{name},{organization},{klass},{email},{active},{expiration},x{n}\n");
    }
    rows
}

fn desk() -> Desk {
    let desk = Desk::new();
    desk.import(population());
    desk.write("password", format!("{}\n", crate::common::server::PASSWORD));
    desk.ok(&["administrators", "add", "ana", "--grant", "admin"]);
    desk.shell("rollcall administrators password ana < password").exits(0);
    desk.ok(&["filters", "save", "golden", "klass eq \"gold\""]);
    desk.ok(&["filters", "save", "silver", "klass eq \"silver\""]);
    desk.write("mark.py", SCRIPT);
    desk.ok(&["scripts", "save", "mark", "mark.py"]);
    desk
}

/// Where links of listings can lead to users.
fn is_of_users(link: &Link) -> bool {
    ["/users?", "/runs/new?", "/api/v1/users.csv"].iter().any(|start| link.to.starts_with(start))
        || link.to == "/users"
}

/// Looks at a list of users and at everything that it leads to.
fn look_at_users(browser: &Browser<'_>, path: &str, starts: bool) -> BTreeSet<Link> {
    let page = browser.page(path);
    let count = said(&page);
    assert_eq!(browser.listed(path), count, "{path} lists as many as it says");
    let links = links(&page);
    let to = |start: &str| links.iter().find(|link| link.to.starts_with(start)).map(|link| link.to.clone());
    let (export, run) = (to("/api/v1/users.csv"), to("/runs/new?"));
    assert_eq!((export.is_some(), run.is_some()), (count > 0, count > 0), "{path}");
    if let (Some(export), Some(run)) = (export, run) {
        let button = links.iter().find(|link| link.to == run).unwrap();
        assert_eq!(number(&button.text).unwrap_or(1), count, "{path}: {button:?}");
        assert_eq!(browser.records(&export), count, "{path} leads to {export}");
        assert_eq!(browser.wanted(&run), count, "{path} leads to {run}");
        if starts {
            assert_eq!(browser.started(&run), count, "{path} leads to {run}, which starts");
        }
    }
    links.into_iter().filter(is_of_users).collect()
}

#[test]
fn every_list_of_users_is_what_its_buttons_act_on() {
    let desk = desk();
    let server = Server::on(&desk);
    let ana = Browser { server: &server, cookie: server.cookie("ana") };
    let organizations = desk.ok(&["organizations", "list", "--format", "json"]).objects();
    let within = |name: &str| {
        let id =
            organizations.iter().find(|each| each["name"] == name).unwrap()["organization_id"].to_string();
        Browser { server: &server, cookie: format!("{}; rollcall-organization={id}", ana.cookie) }
    };
    let (north, south) = (within("North"), within("South"));
    let mut sizes = BTreeMap::new();
    let paths = [
        "/users",
        "/users?search=ana",
        "/users?search=ANA",
        "/users?search=user1",
        "/users?search=5",
        "/users?search=nobody",
        "/users?filter=golden",
        "/users?filter=golden&search=ana",
        "/users?filter=klass%20pr&search=user",
        "/users?ids=3,4,200",
        "/users?ids=3,4,5,6&search=user",
        "/users?filter=is_active%20eq%20false",
    ];
    for path in paths {
        look_at_users(&ana, path, true);
        sizes.insert(path, [&ana, &north, &south].map(|browser| said(&browser.page(path))));
    }
    assert_eq!(sizes["/users"], [130, 87, 43]);
    assert_eq!(sizes["/users?search=ana"], sizes["/users?search=ANA"]);
    let all: BTreeSet<_> = sizes.values().map(|[all, ..]| *all).collect();
    assert_eq!(all.len(), paths.len() - 1, "each has another size but the two that are one: {sizes:?}");
    for [all, north, south] in sizes.values() {
        assert_eq!(*all, north + south, "{sizes:?}");
    }

    // Links mean what was shown when they were made, whichever organization is chosen by now.
    for path in ["/users", "/users?search=ana", "/users?filter=golden&search=ana"] {
        let [_, _, theirs] = sizes[path];
        let shown = links(&south.page(path));
        for browser in [&south, &north, &ana] {
            for link in shown.iter().filter(|link| link.to.starts_with("/api/v1/users.csv")) {
                assert_eq!(browser.records(&link.to), theirs, "{link:?}");
            }
            for link in shown.iter().filter(|link| link.to.starts_with("/runs/new?")) {
                assert_eq!(browser.wanted(&link.to), theirs, "{link:?}");
            }
        }
        look_at_users(&south, path, true);
    }
    // The organization that an address names gives way to the one that is chosen next.
    let listed = links(&ana.page("/organizations"));
    let of = listed.iter().filter(|link| link.to.starts_with("/users?organization_id=")).collect::<Vec<_>>();
    let counts = of.iter().map(|link| said(&north.page(&link.to))).collect::<BTreeSet<_>>();
    assert_eq!(counts, BTreeSet::from([87, 43]), "{of:?}");
    let headers = [PAGE, ("cookie", &*ana.cookie), ("content-type", "application/x-www-form-urlencoded")];
    let body = "organization=&next=%2Fusers%3Forganization_id%3D2%26search%3Dana";
    let chosen = server.send("POST", "/organization", &headers, body);
    assert_eq!(chosen.headers["location"], "/users?search=ana");
    assert_eq!(ana.server.get("/users?organization_id=99", &[PAGE, ("cookie", &ana.cookie)]).status, 404);
    server.end();
}

#[test]
fn links_between_listings_arrive_at_as_many_users_as_they_say() {
    let desk = desk();
    let server = Server::on(&desk);
    let ana = Browser { server: &server, cookie: server.cookie("ana") };
    // The tabs of saved filters, and what else a list of users leads to.
    let mut seen = BTreeSet::new();
    let mut next: Vec<_> = ["/", "/filters", "/organizations", "/scripts", "/profiles", "/runs", "/audit"]
        .iter()
        .flat_map(|path| links(&ana.page(path)))
        .filter(|link| link.to.starts_with("/users?"))
        .collect();
    assert!(next.len() > 15, "{next:?}");
    next.push(Link { to: "/users?search=ana".to_owned(), text: String::new() });
    while let Some(link) = next.pop() {
        if link.to.contains("cursor=") || !seen.insert(link.to.clone()) {
            continue;
        }
        let found = look_at_users(&ana, &link.to, false);
        next.extend(found.into_iter().filter(|link| link.to.starts_with("/users?")));
    }
    assert!(seen.contains("/users?filter=golden&search=ana"), "a tab keeps the search: {seen:?}");

    // The numbers of the first page.
    let home = ana.page("/");
    let counts = home.split("<tr><th scope=\"row\">").skip(1).filter(|row| row.contains("/users?"));
    let months = home.split("<a href=\"/users?").skip(1).filter(|part| part.contains("class=\"value\""));
    let counts = counts.map(|row| (links(row)[0].to.clone(), between(row, "class=\"number\">", "<")));
    let months = months.map(|part| {
        let to = plain(&format!("/users?{}", part.split('"').next().unwrap()));
        (to, between(part, "text-anchor=\"middle\">", "<"))
    });
    let mut told = Vec::new();
    for (to, shown) in counts.chain(months) {
        assert_eq!(Some(said(&ana.page(&to))), number(shown), "{to}");
        told.extend(number(shown));
    }
    assert_eq!(told.len(), 15, "three states and twelve months");
    assert_eq!(told[..3].iter().sum::<u64>(), 130);

    // A run, its outcomes, and further runs for those of each.
    assert_eq!(ana.started("/runs/new?who=all"), 130);
    wait_until("the run has ended", || ana.page("/runs/1").contains("</span> finished</span>"));
    let run = ana.page("/runs/1");
    let chips = links(between(&run, "<ul class=\"chips\" aria-label=\"Outcomes\">", "</ul>"));
    let mut sizes = BTreeMap::new();
    for chip in &chips {
        let shown = number(&chip.text).unwrap();
        let page = ana.page(chip.to.split('#').next().unwrap());
        let further = links(&page).into_iter().filter(|link| link.to.starts_with("/runs/new?who=run"));
        for link in further {
            assert_eq!(ana.wanted(&link.to), shown, "{chip:?} leads to {link:?}");
            assert_eq!(ana.started(&link.to), shown, "{chip:?} leads to {link:?}");
        }
        let exports: Vec<_> =
            links(&page).into_iter().filter(|link| link.to.contains("/outcomes.csv")).collect();
        assert_eq!(exports.len(), 1, "{chip:?}");
        assert_eq!(ana.records(&exports[0].to), shown, "{chip:?} leads to {:?}", exports[0]);
        sizes.insert(chip.to.clone(), shown);
    }
    let distinct: BTreeSet<_> = sizes.values().collect();
    assert_eq!(
        (distinct.len(), sizes.len()),
        (5, 5),
        "all, changed, unchanged, skipped and failed: {sizes:?}"
    );

    // One user.
    let user = ana.page("/users/ana.3");
    let link = links(&user).into_iter().find(|link| link.text == "Run a script on this user").unwrap();
    assert_eq!((ana.wanted(&link.to), ana.started(&link.to)), (1, 1), "{link:?}");
    server.end();
}
