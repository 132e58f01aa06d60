//! What joins with tables are for, each told as its users would.

#[path = "common/mod.rs"]
mod common;

use common::run;
use std::time::Duration;
use streams_dsl::serde::JsonSerde;
use streams_dsl::windows::SlidingWindows;
use streams_dsl::{Consumed, KStream, KTable, Materialized, StreamsBuilder};

type Stream = KStream<String, String>;
type Table = KTable<String, String>;

fn stream(builder: &StreamsBuilder, topic: &str) -> Stream {
    builder.stream(topic)
}

fn table(builder: &StreamsBuilder, topic: &str) -> Table {
    builder.table(topic)
}

/// The part of a text at this place, between slashes.
fn part(text: &str, place: usize) -> Option<String> {
    text.split('/').nth(place).map(str::to_owned)
}

const ORDERS_AND_PROFILES: [&str; 6] = [
    "profiles ann=gold@0",
    "orders ann=book@10",
    "orders bob=pen@20",
    "profiles bob=new@30",
    "profiles ann=platinum@40",
    "orders ann=lamp@50",
];

#[test]
fn an_order_carries_the_profile_that_its_customer_has_when_it_comes() {
    let carried = run(
        |b| {
            let profiles = table(b, "profiles");
            stream(b, "orders").join_table(&profiles, |order, profile| format!("{order} ({profile})")).to("out");
        },
        &ORDERS_AND_PROFILES,
    );
    assert_eq!(carried, ["ann=book (gold)@10", "ann=lamp (platinum)@50"]);
}

#[test]
fn orders_of_customers_without_profile_are_kept_by_a_left_join() {
    let carried = run(
        |b| {
            let carrying = |order, profile: Option<String>| format!("{order} ({})", profile.unwrap_or_default());
            stream(b, "orders").left_join_table(&table(b, "profiles"), carrying).to("out");
        },
        &ORDERS_AND_PROFILES,
    );
    assert_eq!(carried, ["ann=book (gold)@10", "bob=pen ()@20", "ann=lamp (platinum)@50"]);
}

#[test]
fn a_transaction_is_judged_by_the_newest_risk_score_of_its_account() {
    let alerts = run(
        |b| {
            let scores = table(b, "risk-scores").map_values(|score| score.parse::<u32>().unwrap_or(100));
            let judged = stream(b, "transactions")
                .left_join_table(&scores, |amount: String, score: Option<u32>| (amount, score.unwrap_or(50)))
                .filter(|_, (_, score)| *score >= 50);
            judged.map_values(|(amount, score)| format!("{amount} at {score}")).to("out");
        },
        &[
            "risk-scores acc1=10@0",
            "transactions acc1=100@1",
            "transactions acc2=200@2",
            "risk-scores acc1=90@3",
            "transactions acc1=300@4",
            "risk-scores acc2=5@5",
            "transactions acc2=400@6",
        ],
    );
    assert_eq!(alerts, ["acc2=200 at 50@2", "acc1=300 at 90@4"]);
}

#[test]
fn a_review_is_shown_with_its_product() {
    let shown = run(
        |b| {
            let products = b.global_table::<Option<String>, String>("products");
            let shown = |review, product| format!("{review}: {product}");
            stream(b, "reviews").join_global_table(&products, |_, review| part(review, 0), shown).to("out");
        },
        &[
            "products p1=kettle@0",
            "reviews ann=p1/good@10",
            "reviews bob=p2/bad@11",
            "products p2=toaster@12",
            "reviews bob=p2/better@13",
        ],
    );
    assert_eq!(shown, ["ann=p1/good: kettle@10", "bob=p2/better: toaster@13"]);
}

#[test]
fn traffic_from_an_unknown_place_is_told_too() {
    let placed = run(
        |b| {
            let places = b.global_table::<Option<String>, String>("geo");
            let placed =
                |page, place: Option<String>| format!("{page} from {}", place.as_deref().unwrap_or("somewhere"));
            stream(b, "traffic").left_join_global_table(&places, |address, _| part(address, 0), placed).to("out");
        },
        &["geo 10.1=Oslo@0", "traffic 10.1/7=home@5", "traffic 10.2/1=help@6", "traffic 10.1/9=help@7"],
    );
    assert_eq!(placed, ["10.1/7=home from Oslo@5", "10.2/1=help from somewhere@6", "10.1/9=help from Oslo@7"]);
}

/// One without a code names no issue: an inner join drops and counts it.
#[test]
fn a_ticket_is_told_of_the_known_issue_that_it_names() {
    let tickets = [
        "known-issues E7=restart it@0",
        "tickets t1=E7/it hangs@5",
        "tickets t2=E9/it smokes@6",
        "tickets t3=no code@7",
    ];
    let answered = |inner: bool| {
        run(
            |b| {
                let issues = b.global_table::<Option<String>, String>("known-issues");
                let code = |_: &String, ticket: &String| part(ticket, 0).filter(|code| code.starts_with('E'));
                let told = match inner {
                    true => stream(b, "tickets").join_global_table(&issues, code, |_, answer| answer),
                    false => stream(b, "tickets")
                        .left_join_global_table(&issues, code, |_, answer| answer.unwrap_or_else(|| "ask".to_owned())),
                };
                told.to("out");
            },
            &tickets,
        )
    };
    assert_eq!(answered(true), ["t1=restart it@5", "dropped: 1"]);
    assert_eq!(answered(false), ["t1=restart it@5", "t2=ask@6", "t3=ask@7"]);
}

#[test]
fn a_balance_and_a_limit_make_a_table_of_those_who_owe_too_much() {
    let owing = run(
        |b| {
            let owing =
                |owed: String, limit: String| (owed.parse::<i64>().unwrap_or(0), limit.parse::<i64>().unwrap_or(0));
            table(b, "owed")
                .join(&table(b, "limits"), owing)
                .filter(|_, (owed, limit)| owed > limit)
                .map_values(|(owed, limit)| format!("{owed} of {limit}"))
                .to_stream()
                .to("out");
        },
        &["owed ann=50@0", "limits ann=100@1", "owed ann=120@2", "limits ann=200@3", "owed bob=10@4", "limits bob=5@5"],
    );
    assert_eq!(owing, ["ann=120 of 100@2", "ann=-@3", "bob=10 of 5@5"]);
}

#[test]
fn albums_follow_the_name_of_their_artist() {
    let albums = run(
        |b| {
            let artist = |_: &String, album: &String| part(album, 0);
            let named = |album: String, artist: String| format!("{} by {artist}", part(&album, 1).unwrap_or_default());
            table(b, "albums").join_on_foreign_key(&table(b, "artists"), artist, named).to_stream().to("out");
        },
        &[
            "artists a1=Prince@0",
            "albums 1=a1/1999@1",
            "albums 2=a1/Parade@2",
            "artists a1=The Artist@3",
            "albums 1=a2/1999@4",
        ],
    );
    let expected =
        ["1=1999 by Prince@1", "2=Parade by Prince@2", "1=1999 by The Artist@3", "2=Parade by The Artist@3", "1=-@4"];
    assert_eq!(albums, expected);
}

/// The rate that was known at the time of the payment, though both come late.
#[test]
fn a_payment_is_converted_by_the_rate_of_its_time() {
    let converted = run(
        |b| {
            let kept = Materialized::persistent_versioned_key_value_store("rates", Duration::from_secs(60));
            let rates = b.table_with::<String, String>("rates", Consumed::new(), kept);
            stream(b, "payments").join_table(&rates, |amount, rate| format!("{amount} at {rate}")).to("out");
        },
        &["rates eur=2@0", "rates eur=9@2000", "rates eur=3@1000", "payments eur=10@1500", "payments eur=10@2500"],
    );
    assert_eq!(converted, ["eur=10 at 3@1500", "eur=10 at 9@2500"]);
}

#[test]
fn the_average_order_of_the_last_hour_slides() {
    let averages = run(
        |b| {
            let hour = SlidingWindows::of_time_difference_with_no_grace(Duration::from_secs(3600));
            let orders = stream(b, "orders").map_values(|amount| amount.parse::<i64>().unwrap_or(0)).group_by_key();
            let sums = orders.windowed_by(hour).aggregate_with(
                || (0i64, 0i64),
                |_, amount, (sum, count)| (sum + amount, count + 1),
                Materialized::new().with_value_serde(JsonSerde::new()),
            );
            let average = |sum: Option<(i64, i64)>| sum.map_or(0, |(sum, count)| sum / count);
            sums.to_stream().map(move |window, sum| (window.key, average(sum).to_string())).to("out");
        },
        &["orders ann=10@0", "orders ann=20@1800000", "orders ann=60@5400000"],
    );
    // Each order ends one window and lies in those of the orders up to an hour later.
    let expected = ["ann=10@0", "ann=20@1800000", "ann=15@1800000", "ann=60@5400000", "ann=40@5400000"];
    assert_eq!(averages, expected);
}
