//! Page views: three users over six minutes, one of them a machine.

type View = (i64, &'static str, &'static str);

const START: i64 = 1767225600000;
const PEOPLE: [View; 6] = [
    (START, "ada", "/home"),
    (START + 10_000, "brian", "/home"),
    (START + 20_000, "ada", "/pricing"),
    (START + 70_000, "ada", "/home"),
    (START + 130_000, "brian", "/docs"),
    (START + 301_000, "ada", "/docs"),
];
/// In the second minute, one a second, on three pages in turn; the last comes in the third.
const ROBOT: usize = 55;

/// All views, in the order of time within each user.
pub(crate) const VIEWS: [View; PEOPLE.len() + ROBOT] = views();

const fn views() -> [View; PEOPLE.len() + ROBOT] {
    let mut views = [PEOPLE[0]; PEOPLE.len() + ROBOT];
    let mut index = 0;
    while index < ROBOT {
        let page = ["/home", "/docs", "/admin"][index % 3];
        views[index] = (START + 66_000 + 1000 * index as i64, "robot", page);
        index += 1;
    }
    while index < views.len() {
        views[index] = PEOPLE[index - ROBOT];
        index += 1;
    }
    views
}
