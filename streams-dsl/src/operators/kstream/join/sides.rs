use crate::data::Data;
use streams_core::store::{JoinSide, Unmatched};

/// What a join makes a result of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Match<'a, L, R> {
    /// A record of each side.
    Both(&'a L, &'a R),
    /// A record of the left without partner.
    Left(&'a L),
    /// A record of the right without partner.
    Right(&'a R),
}

/// The side whose records a node takes.
pub(crate) trait Side<L: Data, R: Data>: 'static {
    /// Values of the records that it takes.
    type This: Data;
    /// Values of the records that they are joined with.
    type Other: Data;
    const SIDE: JoinSide;

    fn both<'a>(this: &'a Self::This, other: &'a Self::Other) -> Match<'a, L, R>;
    fn alone(this: &Self::This) -> Match<'_, L, R>;
    fn unmatched(this: &Self::This) -> Unmatched<&L, &R>;
}

pub(crate) struct LeftSide;

pub(crate) struct RightSide;

impl<L: Data, R: Data> Side<L, R> for LeftSide {
    type This = L;
    type Other = R;
    const SIDE: JoinSide = JoinSide::Left;

    fn both<'a>(this: &'a L, other: &'a R) -> Match<'a, L, R> {
        Match::Both(this, other)
    }

    fn alone(this: &L) -> Match<'_, L, R> {
        Match::Left(this)
    }

    fn unmatched(this: &L) -> Unmatched<&L, &R> {
        Unmatched::Left(this)
    }
}

impl<L: Data, R: Data> Side<L, R> for RightSide {
    type This = R;
    type Other = L;
    const SIDE: JoinSide = JoinSide::Right;

    fn both<'a>(this: &'a R, other: &'a L) -> Match<'a, L, R> {
        Match::Both(other, this)
    }

    fn alone(this: &R) -> Match<'_, L, R> {
        Match::Right(this)
    }

    fn unmatched(this: &R) -> Unmatched<&L, &R> {
        Unmatched::Right(this)
    }
}
