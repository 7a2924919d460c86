"""Who answers for whom: units, cadres, entities, tiers, assignments."""
