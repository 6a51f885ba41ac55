{{ charges_by('day') }}
