//! Metrics in CloudWatch's embedded metric format: a line of JSON in the log, and no request.

use serde_json::{Value, json};

/// One line, of metrics with their units. `now` is Unix time in milliseconds.
pub fn line(namespace: &str, dimensions: &[(&str, &str)], metrics: &[(&str, &str, f64)], now: i64) -> Value {
    let names: Vec<&str> = dimensions.iter().map(|(name, _)| *name).collect();
    let declared: Vec<Value> =
        metrics.iter().map(|(name, unit, _)| json!({"Name": name, "Unit": unit})).collect();
    let mut line = json!({"_aws": {
        "Timestamp": now,
        "CloudWatchMetrics": [{"Namespace": namespace, "Dimensions": [names], "Metrics": declared}],
    }});
    if let Some(line) = line.as_object_mut() {
        line.extend(dimensions.iter().map(|(name, value)| ((*name).to_owned(), json!(value))));
        line.extend(metrics.iter().map(|(name, _, value)| ((*name).to_owned(), json!(value))));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_metric_is_declared_and_has_its_value() {
        let line =
            line("Switchyard", &[("Cluster", "c")], &[("ActiveTargets", "Count", 4.0)], 1_795_333_200_000);
        assert_eq!(
            line,
            json!({
                "_aws": {"Timestamp": 1_795_333_200_000i64, "CloudWatchMetrics": [{
                    "Namespace": "Switchyard", "Dimensions": [["Cluster"]],
                    "Metrics": [{"Name": "ActiveTargets", "Unit": "Count"}]}]},
                "Cluster": "c", "ActiveTargets": 4.0
            })
        );
    }
}
