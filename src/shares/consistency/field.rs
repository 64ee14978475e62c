//! Arithmetic in GF(2^8), the field of Vault's key shares.
//!
//! Vault and OpenBao (`shamir/shamir.go`) use the polynomial of AES, x^8 + x^4 + x^3 + x + 1 (FIPS 197,
//! section 4.2). Addition is exclusive or. No tables: a table lookup at a secret index shows in the cache.

/// The reduction by x^8 + x^4 + x^3 + x + 1, without its highest term.
const REDUCTION: u8 = 0x1b;

/// The product of two elements, in time that does not depend on them.
pub(super) fn multiply(left: u8, right: u8) -> u8 {
    let mut product = 0;
    let mut shifted = left;
    for bit in 0..8 {
        // 0xff where the bit is set, 0 where it is not: no branch.
        product ^= shifted & 0u8.wrapping_sub((right >> bit) & 1);
        shifted = (shifted << 1) ^ (REDUCTION & 0u8.wrapping_sub(shifted >> 7));
    }
    product
}

/// The multiplicative inverse; 0 for 0, which has none.
pub(super) fn inverse(element: u8) -> u8 {
    // The group has 255 elements, so the inverse is the 254th power: 254 = 2 + 4 + 8 + ... + 128.
    let mut square = element;
    let mut power = 1;
    for _ in 0..7 {
        square = multiply(square, square);
        power = multiply(power, square);
    }
    power
}

/// What each y of the points at `xs` contributes to the value at `at` of the polynomial through them: the
/// Lagrange basis. No two of `xs` may be equal. Depends on x coordinates alone.
pub(super) fn lagrange(xs: &[u8], at: u8) -> Vec<u8> {
    xs.iter()
        .enumerate()
        .map(|(own, &x)| {
            let (mut above, mut below) = (1, 1);
            for (_, &other) in xs.iter().enumerate().filter(|&(index, _)| index != own) {
                above = multiply(above, at ^ other);
                below = multiply(below, x ^ other);
            }
            multiply(above, inverse(below))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_are_those_of_the_aes_standard() {
        // FIPS 197, sections 4.2 and 4.2.1.
        for (left, right, product) in
            [(0x57, 0x83, 0xc1), (0x57, 0x13, 0xfe), (0x57, 0x02, 0xae), (0x57, 0x10, 0x07)]
        {
            assert_eq!(multiply(left, right), product);
            assert_eq!(multiply(right, left), product);
        }
    }

    #[test]
    fn every_element_but_zero_has_its_inverse() {
        assert_eq!(inverse(0), 0);
        for element in 1..=255 {
            assert_eq!(multiply(element, inverse(element)), 1, "{element}");
        }
    }

    #[test]
    fn multiplication_distributes_over_addition() {
        for left in 0..=255u8 {
            for right in 0..=255u8 {
                let third = left.rotate_left(3) ^ 0x5a;
                assert_eq!(multiply(left, right ^ third), multiply(left, right) ^ multiply(left, third));
            }
        }
    }

    #[test]
    fn the_basis_is_one_at_its_own_point_and_zero_at_the_others() {
        let xs = [3, 7, 200, 255];
        for (own, &x) in xs.iter().enumerate() {
            let expected: Vec<u8> = (0..xs.len()).map(|index| u8::from(index == own)).collect();
            assert_eq!(lagrange(&xs, x), expected);
        }
    }
}
