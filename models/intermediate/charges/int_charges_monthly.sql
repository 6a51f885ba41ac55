{{ charges_by('month') }}
