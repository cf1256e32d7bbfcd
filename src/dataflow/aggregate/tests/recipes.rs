//! How each registered function is called in the tests, and how close it must come to stock DataFusion.

/// How a result is compared with that of stock DataFusion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Against {
    /// Bit by bit.
    Same,
    /// To some nine digits: sums of floats in another order.
    Close,
    /// Estimates, of which only the size can be compared.
    Near,
}

/// A way to call a function. In `call`, `{D}` is the place of DISTINCT, `{O}` that of ORDER BY and `{F}` that of FILTER.
#[derive(Debug, Clone)]
pub struct Way {
    pub call: String,
    /// The columns that it takes.
    pub columns: &'static str,
    pub against: Against,
    /// The result depends on the order of the rows, so that an ORDER BY makes sense.
    pub ordered: bool,
    /// Takes IGNORE NULLS.
    pub nulls: bool,
}

/// All ways to call a function, or `None` for one that nobody has thought of.
pub fn ways(function: &str) -> Option<Vec<Way>> {
    use Against::{Close, Near, Same};
    let call = |columns: &'static str, against| Way {
        call: format!("{function}({{D}}{columns}{{O}}){{F}}"),
        columns,
        against,
        ordered: false,
        nulls: false,
    };
    let each =
        |columns: &[&'static str], against| columns.iter().map(|&c| call(c, against)).collect::<Vec<_>>();
    let listed = |columns: &[&'static str], nulls| {
        let mut ways = each(columns, Same);
        ways.iter_mut().for_each(|way| (way.ordered, way.nulls) = (true, nulls));
        ways
    };
    let with = |columns: &'static str, call: String, against, ordered| Way {
        call,
        columns,
        against,
        ordered,
        nulls: false,
    };
    Some(match function {
        "count" => {
            let mut ways = each(&["f", "i", "s", "b", "d", "t"], Same);
            ways.push(call("f, s", Same));
            ways
        }
        // Stock DataFusion takes the first one of the two zeros.
        "min" | "max" => [each(&["i", "s", "b", "d", "t"], Same), each(&["f"], Close)].concat(),
        "sum" => [each(&["i", "d"], Same), each(&["f"], Close)].concat(),
        "avg" => [each(&["d"], Same), each(&["f", "i"], Close)].concat(),
        "median" => each(&["f", "i", "d"], Same),
        "bool_and" | "bool_or" => each(&["b"], Same),
        "bit_and" | "bit_or" | "bit_xor" => each(&["i"], Same),
        "approx_distinct" => each(&["i", "s", "b", "d", "t"], Same),
        "array_agg" => listed(&["f", "i", "s", "b", "d", "t"], true),
        "first_value" | "last_value" => listed(&["f", "i", "s", "b", "d", "t"], true),
        "any_value" => each(&["f", "i", "s", "b", "d", "t"], Same),
        "nth_value" => {
            let nth = |n: i64| {
                let call = format!("nth_value({{D}}f, {n}{{O}}){{F}}");
                with("f", call, Same, true)
            };
            vec![nth(1), nth(3), nth(-2), with("s", "nth_value({D}s, 2{O}){F}".into(), Same, true)]
        }
        "string_agg" => vec![with("s", "string_agg({D}s, ', '{O}){F}".into(), Same, true)],
        "stddev" | "stddev_pop" | "var" | "var_pop" => each(&["f", "i"], Close),
        "covar_samp" | "covar_pop" | "corr" => each(&["f, g", "i, f"], Close),
        "regr_count" => each(&["f, g"], Same),
        "regr_slope" | "regr_intercept" | "regr_r2" | "regr_avgx" | "regr_avgy" | "regr_sxx" | "regr_syy"
        | "regr_sxy" => each(&["f, g"], Close),
        "approx_median" => each(&["f", "i"], Near),
        "percentile_cont" | "approx_percentile_cont" => {
            let against = if function == "percentile_cont" { Close } else { Near };
            let within = |column, p: &str, order: &str| {
                let call = format!("{function}({{D}}{p}) WITHIN GROUP (ORDER BY {column}{order}){{F}}");
                with(column, call, against, false)
            };
            vec![
                within("f", "0.5", ""),
                within("f", "0.9", " DESC"),
                within("i", "0.25", ""),
                within("f", "0.0", ""),
            ]
        }
        "approx_percentile_cont_with_weight" => {
            let call = format!("{function}({{D}}w, 0.75) WITHIN GROUP (ORDER BY f){{F}}");
            vec![with("f, w", call, Near, false)]
        }
        _ => return None,
    })
}

/// As good as any.
pub const FILTER: &str = " FILTER (WHERE keep)";

impl Way {
    /// The call with its variable parts filled in.
    pub fn filled(&self, distinct: &str, order: &str, filter: &str) -> String {
        self.call.replace("{D}", distinct).replace("{O}", order).replace("{F}", filter)
    }

    /// Every variant that makes sense.
    pub fn variants(&self) -> Vec<String> {
        let first = self.columns.split(',').next().unwrap();
        let mut variants = vec![
            self.filled("", "", ""),
            self.filled("", "", FILTER),
            self.filled("DISTINCT ", "", ""),
            self.filled("DISTINCT ", "", FILTER),
        ];
        if self.call.contains("{O}") {
            variants.push(self.filled("", " ORDER BY o", ""));
        }
        if self.ordered {
            variants.extend([
                self.filled("", " ORDER BY o DESC NULLS LAST, t", FILTER),
                self.filled("DISTINCT ", &format!(" ORDER BY {first}"), ""),
            ]);
        }
        if self.nulls {
            for (distinct, order, filter) in
                [("", "", ""), ("", " ORDER BY t", FILTER), ("DISTINCT ", "", "")]
            {
                variants.push(self.filled(distinct, order, &format!("{filter} IGNORE NULLS")));
            }
        }
        variants
    }
}
