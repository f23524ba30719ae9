// 64-bit integers as two words, the low one first. Portable WGSL has no others, and no float is exact on every device.
// The text of every stage begins with this file.

/// a · b, exact.
fn wide(a: u32, b: u32) -> vec2<u32> {
    let a_low = a & 0xffffu;
    let a_high = a >> 16u;
    let b_low = b & 0xffffu;
    let b_high = b >> 16u;
    // No step carries: (2¹⁶ − 1)² + 2¹⁶ − 1 is below 2³².
    let low = a_low * b_low;
    let cross = a_high * b_low + (low >> 16u);
    let middle = a_low * b_high + (cross & 0xffffu);
    return vec2(a * b, a_high * b_high + (cross >> 16u) + (middle >> 16u));
}

/// a · b of signed words, exact.
fn wide_signed(a: i32, b: i32) -> vec2<u32> {
    // Read without its sign, a negative factor is 2³² too high and the product 2³² times the other factor.
    var product = wide(bitcast<u32>(a), bitcast<u32>(b));
    product.y -= select(0u, bitcast<u32>(b), a < 0) + select(0u, bitcast<u32>(a), b < 0);
    return product;
}

/// a + b, modulo 2⁶⁴.
fn add(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
    let low = a.x + b.x;
    return vec2(low, a.y + b.y + select(0u, 1u, low < a.x));
}

/// −a, modulo 2⁶⁴.
fn negative(a: vec2<u32>) -> vec2<u32> {
    return add(~a, vec2(1u, 0u));
}

/// a · b, modulo 2⁶⁴.
fn times(a: vec2<u32>, b: u32) -> vec2<u32> {
    let low = wide(a.x, b);
    return vec2(low.x, low.y + a.y * b);
}

/// ⌊a / 2^bits⌋ of a signed number, for bits under 64.
fn shifted(a: vec2<u32>, bits: u32) -> vec2<u32> {
    let high = bitcast<i32>(a.y);
    if bits >= 32u {
        return vec2(bitcast<u32>(high >> (bits - 32u)), bitcast<u32>(high >> 31u));
    }
    // A shift by 32 is none in 32 bits.
    if bits == 0u {
        return a;
    }
    return vec2((a.x >> bits) | (a.y << (32u - bits)), bitcast<u32>(high >> bits));
}
