//! `docs/sql-functions.md`, made from the declarations. A test fails when the file is not what this gives.

use std::fmt::{Error, Write};

use super::catalog::FUNCTIONS;
use super::declare::{Declaration, Topic};
use super::mode::{HEATED, Mode, RUNNING_CURRENT, RUNNING_POWER, RUNNING_PRESSURE};
use crate::thermo::Refrigerant;

const HEAD: &str = "\
# SQL functions

<!-- Made from src/thermo/sql/catalog.rs by `make functions`; a test fails when it is stale. -->

These functions are there in every SQL of Coldstream: queries on streams, backtests, alarm rules, `coldstream query`, gRPC and Flight
SQL. They work on whole columns. All numbers are double precision; pressures are **bar absolute**, temperatures **°C**, differences K, enthalpies
kJ/kg, power kW.

What cannot be known is NULL: where an argument is NULL, a state lies outside the refrigerant's table, gas would be wet, or a column names a refrigerant
that is not known. A constant that is wrong, such as `t_sat('R12', 2)`, is an error when the query is planned. A refrigerant is given by a name
or by a column. Superheat is counted from the dew line, subcooling from the bubble line: for blends such as R449A they are several
kelvin apart.

Every example below is run by a test, against the digits that are written.
";

const ELSEWHERE: &str = "\
## Windows and models

| | | |
|---|---|---|
| `tumble(time, size[, offset])` | windows, one after the other | [sql-streams.md](sql-streams.md#windows) |
| `hop(time, slide, size[, offset])` | windows that overlap | [sql-streams.md](sql-streams.md#windows) |
| `session(time, gap)` | windows that end after a silence | [sql-streams.md](sql-streams.md#windows) |
| `score('model')` | the score of a model, 0 to 1; its features are the columns of these names in the input, and it is NULL where one of them is | [README](../README.md) |
| `model_version('model')` | the version of a model, text | [README](../README.md) |
| `expected('baseline')` | what the machine should show under the conditions of the row, by what was learned of it | [README](../README.md) |

All functions of [DataFusion](https://datafusion.apache.org/user-guide/sql/scalar_functions.html) are there too.
";

/// The page.
pub fn page() -> Result<String, Error> {
    let mut out = String::from(HEAD);
    contents(&mut out)?;
    for topic in Topic::ALL {
        write!(out, "\n## {}\n", topic.title())?;
        for declaration in of(topic) {
            function(&mut out, declaration)?;
        }
        match topic {
            Topic::Properties => refrigerants(&mut out)?,
            Topic::Mode => modes(&mut out)?,
            _ => {}
        }
    }
    write!(out, "\n{ELSEWHERE}")?;
    Ok(out)
}

fn of(topic: Topic) -> impl Iterator<Item = &'static Declaration> {
    FUNCTIONS.iter().filter(move |declaration| declaration.topic == topic)
}

fn contents(out: &mut String) -> Result<(), Error> {
    write!(out, "\n| function | gives |\n|---|---|\n")?;
    for declaration in Topic::ALL.into_iter().flat_map(of) {
        let (name, signature) = (declaration.name, declaration.signature());
        writeln!(out, "| [`{signature}`](#{name}) | {} |", declaration.result)?;
    }
    Ok(())
}

fn function(out: &mut String, of: &Declaration) -> Result<(), Error> {
    write!(out, "\n### {}\n\n`{}` → {}\n\n{}\n\n", of.name, of.signature(), of.result, of.summary)?;
    write!(out, "| argument | unit | if left out |\n|---|---|---|\n")?;
    for argument in of.arguments {
        writeln!(out, "| `{}` | {} | {} |", argument.name, argument.unit, argument.otherwise.unwrap_or(""))?;
    }
    write!(out, "\n- Range: {}.\n- Source: {}.\n\n```sql\n", of.range, of.source)?;
    for example in of.examples {
        writeln!(out, "{}  -- {}", example.call, example.gives)?;
    }
    writeln!(out, "```")
}

fn refrigerants(out: &mut String) -> Result<(), Error> {
    write!(
        out,
        "\n### Refrigerants\n\nA name may be written as in `R134a`, `r-134a`, `HFC-134a` or `R 134a`; `NH3`, `CO2`, `propane` are known too.\n\n"
    )?;
    write!(
        out,
        "| name | pressures, bar abs | saturation, °C | superheat up to, K | and up to, °C |\n|---|---|---|---|---|\n"
    )?;
    for refrigerant in Refrigerant::ALL {
        let range = refrigerant.properties().range();
        writeln!(
            out,
            "| {} | {:.3} to {:.2} | {:.1} to {:.1} | {:.0} | {:.0} |",
            refrigerant.name(),
            range.p.0,
            range.p.1,
            range.t.0,
            range.t.1,
            range.superheat,
            range.t_vapour,
        )?;
    }
    Ok(())
}

fn modes(out: &mut String) -> Result<(), Error> {
    write!(
        out,
        "\n### The modes\n\nA reported mode is taken in any case, with `_`, `-` or a space between words:\n\n\
         | mode | also |\n|---|---|\n"
    )?;
    for mode in Mode::ALL {
        let also: Vec<String> = mode.synonyms().iter().map(|word| format!("`{word}`")).collect();
        writeln!(out, "| `{}` | {} |", mode.name(), also.join(", "))?;
    }
    write!(
        out,
        "\nWithout one, the compressor runs where its current is at least {RUNNING_CURRENT} A; where no current is measured, at least \
         {RUNNING_POWER} kW of power, whatever the sign (a current transformer mounted the wrong way round is common); where neither is, \
         pressures at least {RUNNING_PRESSURE} bar apart. A coil above 0 °C and more than {HEATED} K warmer than its air is being heated: \
         `defrost`, whether the compressor runs (hot gas) or not. Otherwise it is `cooling` or `off`.\n\n\
         One instant shows no more. `starting`, a defrost in the air of the room, `drip` and `fan_delay` take a memory: \
         the column `operating_mode` of `features` has them. `pump_down`, `standby` and `fault` are only known where they are reported.\n"
    )
}
