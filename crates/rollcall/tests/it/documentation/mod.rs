//! The documentation: what its pages say to type works as it is written there, and their form.

mod page;
mod reference;
mod session;

use page::Page;

/// A test for each page with commands, and the list of all pages.
macro_rules! pages {
    ($($name:ident $path:literal,)*) => {
        const PAGES: &[&str] = &[$($path),*];
        $(
            #[test]
            fn $name() {
                session::run($path);
            }
        )*
    };
}

pages! {
    tutorial "docs/tutorial/first-run.md",
    extend_expirations "docs/how-to/extend-expirations.md",
    move_plans "docs/how-to/move-plans.md",
    import_and_sync "docs/how-to/import-and-sync.md",
    export_a_list "docs/how-to/export-a-list.md",
    fix_a_run "docs/how-to/fix-a-run.md",
    restore_a_user "docs/how-to/restore-a-user.md",
    add_administrators "docs/how-to/add-administrators.md",
    set_up_freeradius "docs/how-to/set-up-freeradius.md",
    set_up_postgresql "docs/how-to/set-up-postgresql.md",
    back_up_and_restore "docs/how-to/back-up-and-restore.md",
    upgrade "docs/how-to/upgrade.md",
    run_as_a_service "docs/how-to/run-as-a-service.md",
    set_up_tls "docs/how-to/set-up-tls.md",
    monitor "docs/how-to/monitor.md",
    migrate_from_daloradius "docs/how-to/migrate-from-daloradius.md",
    troubleshoot "docs/how-to/troubleshoot.md",
    script_api "docs/reference/script-api.md",
    runs "docs/reference/runs.md",
    filters "docs/reference/filters.md",
    dates "docs/reference/dates.md",
    files "docs/reference/files.md",
    databases "docs/reference/databases.md",
    limits "docs/reference/limits.md",
    metrics "docs/reference/metrics.md",
    radius "docs/reference/radius.md",
    exit_statuses "docs/reference/exit-statuses.md",
    settings "docs/reference/settings.md",
    permissions "docs/reference/permissions.md",
    http_api "docs/reference/http-api.md",
    json "docs/reference/json.md",
    web_pages "docs/reference/pages.md",
    life_of_a_run "docs/explanation/life-of-a-run.md",
    preview_and_undo "docs/explanation/preview-and-undo.md",
    sandbox "docs/explanation/sandbox.md",
    trust_boundaries "docs/explanation/trust-boundaries.md",
    freeradius "docs/explanation/freeradius.md",
    scaling "docs/explanation/scaling.md",
    scaling_further "docs/explanation/scaling-further.md",
    readme "README.md",
}

/// Pages that a test writes. They are as long as what they list.
const GENERATED: &[&str] = &["docs/reference/cli.md"];

#[test]
fn every_page_is_tested() {
    let mut found = Vec::new();
    for kind in ["tutorial", "how-to", "reference", "explanation"] {
        for entry in std::fs::read_dir(page::root().join("docs").join(kind)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if name.ends_with(".md") {
                found.push(format!("docs/{kind}/{name}"));
            }
        }
    }
    found.retain(|path| !PAGES.contains(&path.as_str()) && !GENERATED.contains(&path.as_str()));
    assert_eq!(found, [] as [&str; 0]);
}

#[test]
fn pages_are_short_and_begin_with_their_contents() {
    for path in PAGES {
        let page = Page::read(path);
        let words = page.prose().split_whitespace().count();
        assert!(words <= 1_500, "{path} has {words} words");
        let headings = page.headings();
        if headings.len() > 3 && *path != "README.md" {
            for heading in headings {
                assert!(page.text.contains(&format!("[{heading}](#")), "{path}: contents lack {heading}");
            }
        }
    }
}
