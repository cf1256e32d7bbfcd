// Names of what the server calls by its column, rule, fault or mode. A name that is not here is shown as it came,
// with spaces: columns and rules of the user's own need no entry.

/** A long name and a short one for narrow columns. */
export interface Name {
  readonly long: string;
  readonly short: string;
}

type Names = Readonly<Record<string, readonly [en: string, fr: string, shortEn?: string, shortFr?: string]>>;

const COLUMNS: Names = {
  operating_mode: ["Operating mode", "Régime", "Mode", "Régime"],
  temp_evaporator: ["Evaporator temperature", "Température évaporateur", "T evap.", "T évap."],
  temp_condenser: ["Condenser temperature", "Température condenseur", "T cond.", "T cond."],
  pressure_high: ["High pressure (HP)", "Haute pression (HP)", "HP", "HP"],
  pressure_low: ["Low pressure (LP)", "Basse pression (BP)", "LP", "BP"],
  superheat: ["Superheat", "Surchauffe", "Superh.", "Surch."],
  subcooling: ["Subcooling", "Sous-refroidissement", "Subcool.", "Sous-refr."],
  compressor_current: ["Compressor current", "Intensité compresseur", "Current", "Intensité"],
  vibration: ["Vibration", "Vibrations", "Vibr.", "Vibr."],
  efficiency: ["Compressor efficiency", "Rendement compresseur", "Effic.", "Rend."],
  temp_discharge: ["Discharge temperature", "Température refoulement", "T disch.", "T refoul."],
  temp_suction: ["Suction temperature", "Température aspiration", "T suct.", "T aspir."],
  temp_ambient: ["Ambient temperature", "Température ambiante", "T amb.", "T amb."],
  temp_room: ["Room temperature", "Température chambre froide", "T room", "T chambre"],
  temp_product: ["Product temperature", "Température produit", "T prod.", "T prod."],
  power: ["Electric power", "Puissance électrique", "Power", "Puiss."],
  fan_speed: ["Fan speed", "Vitesse ventilateur", "Fan", "Ventil."],
  compressor_speed: ["Compressor speed", "Vitesse compresseur", "Comp.", "Comp."],
  valve_opening: ["Valve opening", "Ouverture détendeur", "Valve", "Détend."],
  cop_carnot: ["Carnot COP", "COP de Carnot", "COP", "COP"],
  pressure_ratio: ["Pressure ratio", "Taux de compression", "Ratio", "Taux"],
  temp_difference: ["Condenser − evaporator", "Écart condenseur − évaporateur", "ΔT", "ΔT"],
  cop_cycle: ["COP of the cycle", "COP du cycle", "COP cycle", "COP cycle"],
  cop_measured: ["COP by power", "COP par la puissance", "COP meas.", "COP mes."],
  carnot_efficiency: ["Share of the Carnot COP", "Part du COP de Carnot", "Carnot", "Carnot"],
  isentropic_efficiency: ["Isentropic efficiency", "Rendement isentropique", "Isentr.", "Isentr."],
  volumetric_efficiency: ["Volumetric efficiency", "Rendement volumétrique", "Volum.", "Volum."],
  t_evap: ["Evaporating temperature", "Température d’évaporation", "T₀", "T₀"],
  t_cond: ["Condensing temperature", "Température de condensation", "Tc", "Tc"],
  suction_superheat: ["Superheat at the compressor", "Surchauffe à l’aspiration", "Superh. comp.", "Surch. asp."],
  discharge_superheat: ["Superheat of the discharge", "Surchauffe au refoulement", "Superh. disch.", "Surch. ref."],
  condenser_approach: ["Condensing − ambient", "Écart condensation − ambiance", "Cond. ΔT", "ΔT cond."],
  evaporator_approach: ["Room − evaporating", "Écart chambre − évaporation", "Evap. ΔT", "ΔT évap."],
  cooling_capacity: ["Cooling capacity", "Puissance frigorifique", "Q₀", "Q₀"],
  duty: ["Duty of an hour", "Taux de marche d’une heure", "Duty", "Marche"],
  starts: ["Starts of an hour", "Démarrages en une heure", "Starts", "Démar."],
  compressor_efficiency: ["Compressor efficiency (mean)", "Rendement compresseur (moyen)", "Effic.", "Rend."],
  samples: ["Readings in the window", "Mesures dans la fenêtre", "Samples", "Mesures"],
  probability: ["Failure probability", "Probabilité de panne", "Risk", "Risque"],
};

const RULES: Names = {
  failure_risk: ["Failure risk", "Risque de panne"],
  evaporator_warm: ["Evaporator warm", "Évaporateur chaud"],
  condenser_hot: ["Condenser hot", "Condenseur chaud"],
  pressure_high: ["HP high", "HP haute"],
  pressure_low: ["LP low", "BP basse"],
  superheat_low: ["Superheat low", "Surchauffe faible"],
  superheat_high: ["Superheat high", "Surchauffe élevée"],
  current_high: ["Current high", "Intensité élevée"],
  vibration_high: ["Vibration high", "Vibrations élevées"],
  vibration_severe: ["Vibration severe", "Vibrations sévères"],
  pressure_ratio_high: ["Pressure ratio high", "Taux de compression élevé"],
};

const MODES: Names = {
  off: ["Off", "Arrêt"],
  standby: ["Standby", "Veille"],
  starting: ["Starting", "Démarrage"],
  cooling: ["Cooling", "Froid"],
  normal: ["Normal", "Normal"],
  pump_down: ["Pump-down", "Tirage au vide"],
  defrost: ["Defrost", "Dégivrage"],
  drip: ["Drip", "Égouttage"],
  fan_delay: ["Fan delay", "Retard ventilateur"],
  fault: ["Fault", "Défaut"],
};

const FAULTS: Names = {
  slow_leak: ["Slow refrigerant leak", "Fuite lente de fluide"],
  fouled_condenser: ["Fouled condenser", "Condenseur encrassé"],
  failing_fan: ["Failing condenser fan", "Ventilateur de condenseur défaillant"],
  overcharge: ["Overcharge", "Surcharge de fluide"],
  iced_evaporator: ["Iced evaporator", "Évaporateur pris en glace"],
  failing_evaporator_fan: ["Failing evaporator fan", "Ventilateur d’évaporateur défaillant"],
  restriction: ["Liquid line restriction", "Restriction de la ligne liquide"],
  leaking_valves: ["Leaking compressor valves", "Clapets de compresseur non étanches"],
  non_condensables: ["Non-condensables in the circuit", "Incondensables dans le circuit"],
  floodback: ["Floodback", "Retour de liquide"],
  excess_oil: ["Oil in the evaporator", "Huile dans l’évaporateur"],
  worn_bearing: ["Worn compressor bearing", "Palier de compresseur usé"],
  drifting_sensor: ["Drifting sensor", "Capteur qui dérive"],
  sensor_drift: ["Drifting sensor", "Capteur qui dérive"],
};

const METRICS: Names = {
  machines: ["Machines", "Machines"],
  rows: ["Windows", "Fenêtres"],
  positives: ["of which before a failure", "dont avant une panne"],
  roc_auc: ["ROC-AUC", "ROC-AUC"],
  pr_auc: ["PR-AUC", "PR-AUC"],
  log_loss: ["Log loss", "Perte logarithmique"],
  brier: ["Brier score", "Score de Brier"],
  accuracy: ["Accuracy", "Exactitude"],
  recall: ["Recall", "Rappel"],
  precision: ["Precision", "Précision"],
};

const KINDS = { column: COLUMNS, rule: RULES, mode: MODES, fault: FAULTS, metric: METRICS };

/** The name of `id` in a language. */
export function nameOf(kind: keyof typeof KINDS, id: string, lang: "en" | "fr"): Name {
  const entry = KINDS[kind][id];
  if (!entry) {
    const words = id.replaceAll("_", " ").trim();
    const text = words.charAt(0).toUpperCase() + words.slice(1);
    return { long: text, short: text };
  }
  const [en, fr, shortEn, shortFr] = entry;
  return lang === "fr" ? { long: fr, short: shortFr ?? fr } : { long: en, short: shortEn ?? en };
}
