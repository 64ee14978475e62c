//! The arithmetic against a second one, written from the definition: polynomials over two elements, multiplied and divided by
//! hand, and systems of equations that are solved by elimination. It is slow, and has branches and nothing of the first.

use super::super::{inverse, lagrange, multiply};
use proptest::prelude::*;
use std::collections::BTreeSet;

/// x^8 + x^4 + x^3 + x + 1 (FIPS 197, section 4.2), with its highest term.
const MODULUS: u16 = 0x11b;

/// The product of two polynomials, and what is left of it when it is divided by the modulus.
fn product(left: u8, right: u8) -> u8 {
    let mut long =
        (0..8).filter(|bit| right & (1 << bit) != 0).fold(0, |sum, bit| sum ^ (u16::from(left) << bit));
    for degree in (8..16).rev() {
        if long & (1 << degree) != 0 {
            long ^= MODULUS << (degree - 8);
        }
    }
    u8::try_from(long).expect("what is left is below the modulus")
}

/// The one element whose product with this one is 1: all are tried.
fn reciprocal(element: u8) -> u8 {
    let all: Vec<u8> = (0..=255).filter(|&other| product(element, other) == 1).collect();
    assert_eq!(all.len(), 1, "{element}");
    all[0]
}

/// The polynomial through the points, from its lowest coefficient: Gauss and Jordan on the rows 1, x, x^2, …, y.
fn coefficients(points: &[(u8, u8)]) -> Vec<u8> {
    let size = points.len();
    let row = |&(x, y): &(u8, u8)| {
        let powers = std::iter::successors(Some(1), |power| Some(product(*power, x)));
        powers.take(size).chain([y]).collect::<Vec<u8>>()
    };
    let mut rows: Vec<Vec<u8>> = points.iter().map(row).collect();
    for column in 0..size {
        let pivot = (column..size).find(|&row| rows[row][column] != 0).expect("no x is there twice");
        rows.swap(column, pivot);
        let scale = reciprocal(rows[column][column]);
        rows[column].iter_mut().for_each(|cell| *cell = product(*cell, scale));
        let pivot = rows[column].clone();
        for (_, row) in rows.iter_mut().enumerate().filter(|(number, _)| *number != column) {
            let factor = row[column];
            row.iter_mut().zip(&pivot).for_each(|(cell, above)| *cell ^= product(factor, *above));
        }
    }
    rows.iter().map(|row| row[size]).collect()
}

/// The value of a polynomial: each power by itself.
fn value(coefficients: &[u8], at: u8) -> u8 {
    let mut power = 1;
    coefficients.iter().fold(0, |sum, &coefficient| {
        let term = product(coefficient, power);
        power = product(power, at);
        sum ^ term
    })
}

fn interpolated(points: &[(u8, u8)], at: u8) -> u8 {
    let xs: Vec<u8> = points.iter().map(|(x, _)| *x).collect();
    points.iter().zip(lagrange(&xs, at)).fold(0, |sum, ((_, y), weight)| sum ^ multiply(*y, weight))
}

#[test]
fn all_products_are_those_of_the_definition() {
    for left in 0..=255 {
        for right in 0..=255 {
            assert_eq!(multiply(left, right), product(left, right), "{left} * {right}");
        }
    }
}

#[test]
fn all_inverses_are_those_of_the_definition() {
    assert_eq!(inverse(0), 0);
    for element in 1..=255 {
        assert_eq!(inverse(element), reciprocal(element), "{element}");
    }
}

#[test]
fn as_many_points_as_there_can_be_are_interpolated() {
    let points: Vec<(u8, u8)> = (1..=255).map(|x: u8| (x, x.wrapping_mul(x) ^ 0x5a)).collect();
    assert_eq!(interpolated(&points, 0), value(&coefficients(&points), 0));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn interpolation_is_that_of_the_definition(
        xs in prop::collection::hash_set(1..=255u8, 1..=12),
        ys: [u8; 12],
        at: u8,
    ) {
        // In an order of the set's own: any will do.
        let points: Vec<(u8, u8)> = xs.into_iter().zip(ys).collect();
        let coefficients = coefficients(&points);
        for at in [0, at].into_iter().chain(points.iter().map(|(x, _)| *x)).collect::<BTreeSet<u8>>() {
            prop_assert_eq!(interpolated(&points, at), value(&coefficients, at), "{:?} at {}", &points, at);
        }
    }
}
